"""The page: records -> one HTML file with the answer, the table, the figures, every case, and what was not run."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canforget.report.answer import answers
from canforget.report.controls import control_outcomes
from canforget.report.drawing.figure import dark_style, style_sheet
from canforget.report.drawing.svg import readable
from canforget.report.page.audit_view import QUESTION_HEAD, AuditView
from canforget.report.page.case_views import case_views, shared_views
from canforget.report.page.comparison import MEANINGS, columns_there, table_groups
from canforget.report.page.csv_text import csv_text
from canforget.report.page.figure_views import figure_sections
from canforget.report.record import Groups, Record, over_seeds
from canforget.report.wording import MEANING, enumerated, format_name, plural

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
FEW_STATEMENTS = 120
"""Up to so many statements the page holds the figure of every gate; of more only its answer, and the figures stand in the records."""


@dataclass(frozen=True)
class PageText:
    """What a page says of itself: its title and where its records came from, in the user's words.

    `lead` stands below the title, where it is not what the records are. `pictures` of the forget set, by data set, model and scenario: addresses with their classes; only where someone asked for them.
    """

    title: str
    sources: tuple[str, ...] = ()
    pictures: Mapping[tuple[str, str, str], Sequence[tuple[str, str]]] = field(default_factory=dict)
    lead: str = ""


def page_html(records: Sequence[Record], about: PageText, audits: Sequence[AuditView] = ()) -> str:
    """The whole page; `records` hold their verdicts. Nothing in it is computed that the records do not hold.

    With `audits` it answers by them, question by question; then `records` may be none.
    """
    groups = over_seeds(records)
    columns, at_hand = columns_there(records), bool(audits) or any(made_by_file(r) for r in records)
    said = [audit.answer for audit in audits] or answers(records)
    script = template("page.js")
    return environment().get_template("page.html.j2").render(
        about=about, answers=said, statements=sum(len(a.statements) for a in said), few=FEW_STATEMENTS, columns=columns, meanings=MEANINGS,
        groups=table_groups(groups, columns), csv=csv_text(groups, columns), controls=control_outcomes(records), not_run=not_run(records),
        sections=figure_sections(groups, drawn_only=at_hand), audits=audits, question_head=QUESTION_HEAD, at_hand=at_hand, cases=case_views(groups), shared=shared_views(groups),
        filters=filters(groups), problems=[a.problem for a in said], word_meanings=MEANING, version=package_version(),
        records=len(records), seeds=max(map(len, groups.values()), default=0), lead=about.lead or lead(groups, at_hand), styles=page_styles(), script=script, script_hash=sha256(script),
    )  # fmt: skip


def made_by_file(record: Record) -> bool:
    """Whether a record is of a model file that was evaluated or audited, and not of a study."""
    return bool(record.conditions.get("command"))


def lead(groups: Groups, at_hand: bool) -> str:
    """What the page is of."""
    seeds, cases = max(map(len, groups.values()), default=0), sum(map(len, groups.values()))
    what = f"{plural(cases, 'case')}, up to {seeds} seed{'s' if seeds != 1 else ''} each"
    if at_hand:
        beside = {c.unlearner.name: len(g) for c, g in groups.items() if c.reference}
        others = [*(["the original"] if "nothing" in beside else []), *([plural_of_retrained(beside)] if "retrain" in beside else [])]
        what = f"One model at hand, beside {enumerated(others) if others else 'no other'}"
    return f"{what}. Every figure on this page is held by the record{'s' if not at_hand else ''} it was made from."


def plural_of_retrained(beside: Mapping[str, int]) -> str:
    """How many retrained models."""
    return f"{beside['retrain']} retrained {'model' if beside['retrain'] == 1 else 'models'}"


@lru_cache(maxsize=1)
def environment() -> "Environment":
    """Templates of the page, in which every value is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.finalize = visible
    made.filters |= {"enumerated": enumerated}
    return made


def visible(value: Any) -> Any:
    """A value of a template, text without characters that turn its direction or that XML forbids; markup as it is."""
    return readable(value) if type(value) is str else value


def page_styles() -> str:
    """The style of page and figures, dark where the system or the reader wants it."""
    page, figures = template("dark.css"), dark_style()
    wanted = f":root[data-theme=dark]{{{page}}}:root[data-theme=dark] .plot{{{figures}}}"
    system = f":root:not([data-theme=light]){{{page}}}:root:not([data-theme=light]) .plot{{{figures}}}"
    return f"{template('page.css')}{style_sheet()}@media screen{{{wanted}}}@media screen and (prefers-color-scheme:dark){{{system}}}"


@lru_cache(maxsize=4)
def template(name: str) -> str:
    """A file beside the templates."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def sha256(script: str) -> str:
    """The hash by which the page admits its one script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def filters(groups: Groups) -> dict[str, list[str]]:
    """What the table can be filtered by: a name and the labels that occur, in their order."""
    named = {
        "data set": [c.dataset.label for c in groups],
        "model": [c.model.label for c in groups],
        "scenario": [c.scenario.label for c in groups],
        "format": [format_name(c.quantizer) for c in groups],
    }
    return {name: list(dict.fromkeys(labels)) for name, labels in named.items()}


def not_run(records: Sequence[Record]) -> list[tuple[str, int, str]]:
    """What was not run: cases and values with their reason, how often, the most frequent first; reasons that differ in figures alone once."""
    found: dict[tuple[str, str], tuple[int, set[str]]] = {}

    def note(name: str, why: str) -> None:
        count, reasons = found.get((name, NUMBERS.sub("", why)), (0, set()))
        found[name, NUMBERS.sub("", why)] = count + 1, reasons | {why}

    for record in records:
        if record.not_run:
            note(f"{record.case.unlearner} at {record.case.quantizer}, {record.case.scenario}", record.not_run)
        for name, value in record.values.items():
            if value.value is None:
                note(name.partition(".")[0], value.not_run)
    rows = [(name, count, f"{min(reasons)}{' (its figures differ)' * (len(reasons) > 1)}") for (name, _), (count, reasons) in found.items()]
    return sorted(rows, key=lambda row: -row[1])


NUMBERS = re.compile(r"\d[\d.,e-]*")


def package_version() -> str:
    """The version of this package."""
    from canforget import __version__

    return __version__
