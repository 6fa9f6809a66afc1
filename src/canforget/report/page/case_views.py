"""One case in depth: its recipe, the command that reruns it, keys, versions, seconds, and every value of every seed."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from canforget.fit_settings import Fit
from canforget.report.record import Choice, Combination, Groups, Record, Summary, flat, summarize
from canforget.report.table import cell
from canforget.report.wording import format_name, unlearner_name

FULL_UP_TO = 5_000
"""Values of all cases together up to which a page holds each seed's with its interval; beyond, means over seeds."""
MEANS_UP_TO = 8_000
"""Means of all cases together up to which a page holds them; beyond, only those of the main table."""
DIGITS_OF_KEYS = 12


@dataclass(frozen=True)
class CaseView:
    """A combination over its seeds: what it is, how to make it anew, where its artifacts are, what it took, and what was found."""

    key: str
    combination: Combination
    title: str
    command: str
    recipe: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class SharedView:
    """What all cases of one data set, model and scenario share."""

    problem: tuple[str, str, str]
    facts: tuple[tuple[str, str], ...]


def shared_views(groups: Groups) -> list[SharedView]:
    """Recipe, settings, versions, conditions and numbers of images of every problem; where cases differ, each that occurs."""
    found: dict[tuple[str, str, str], dict[str, dict[str, None]]] = {}
    for combination, group in groups.items():
        facts = found.setdefault(combination.problem, {})
        for axis, choice in (("data set", combination.dataset), ("model", combination.model), ("scenario", combination.scenario)):
            facts.setdefault(axis, {})[recipe_line(choice)] = None
        for record in (r for r in group if not r.not_run):
            settings = " ".join(f"{k}={as_one_line(v)}" for k, v in settings_of(record).items())
            told = (("settings", settings), ("versions", listing(record.versions)), ("conditions", listing({k: v for k, v in record.conditions.items() if k != "command"})),
                    ("images", listing(record.data.get("counts", {}))))  # fmt: skip
            for name, text in told:
                if text:
                    facts.setdefault(name, {})[text] = None
    return [SharedView(problem, tuple((name, " | ".join(texts)) for name, texts in facts.items())) for problem, facts in found.items()]


def listing(content: Mapping[str, object]) -> str:
    """Names with their values, in a line."""
    return ", ".join(f"{name} {value}" for name, value in content.items())


def recipe_line(choice: Choice) -> str:
    """A component with all of its hyperparameters."""
    return f"{choice.name}: {', '.join(f'{k}={v}' for k, v in choice.parameters.items()) or 'no hyperparameters'}"


DERIVED = re.compile(r"(_original|_retrained|_excess_\d+)$")
"""Values that other cases hold as their own: the first to go where there are too many."""


def case_views(groups: Groups) -> list[CaseView]:
    """All cases, with as much of each as the size of the page allows."""
    names = {c: sorted({name for r in group for name, v in r.values.items() if v.value is not None}) for c, group in groups.items()}
    depth = "seeds"
    if sum(len(names[c]) * len(group) for c, group in groups.items()) > FULL_UP_TO:
        names = {c: [name for name in held if not DERIVED.search(name)] for c, held in names.items()}
        depth = "means" if sum(map(len, names.values())) <= MEANS_UP_TO else "none"
    one = len({c.problem for c in groups}) == 1
    return [case_view(f"case-{k}", c, group, names[c], depth, one) for k, (c, group) in enumerate(groups.items())]


def case_view(key: str, combination: Combination, group: Sequence[Record], names: Sequence[str], depth: str, one_problem: bool) -> CaseView:
    """One case at a depth: every seed, means, or nothing beyond the main table."""
    head, rows, note = values_of_case(group, names, depth)
    where = "" if one_problem else f", {' · '.join(combination.problem)}"
    title = f"{unlearner_name(combination.unlearner)} at {format_name(combination.quantizer)}{where}"
    recipe = () if depth == "none" else (("unlearner", recipe_line(combination.unlearner)), ("format", recipe_line(combination.quantizer)))
    command = rerun_command(combination, group, depth != "none")
    return CaseView(key, combination, title, command, recipe, case_facts(group, depth), head, rows, note)


def values_of_case(group: Sequence[Record], names: Sequence[str], depth: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], str]:
    """Head, rows and note of the values."""
    if depth == "seeds":
        head = ("value", *(f"seed {r.case.seed}" for r in group))
        return head, tuple((name, *(seed_cell(r, name) for r in group)) for name in names), ""
    more = "each seed's, with intervals: canforget show RECORDS --json"
    if depth == "means":
        found = [(name, summarize(group, name)) for name in names]
        rows = tuple((name, cell(s, 1) if isinstance(s, Summary) else f"not run: {s}") for name, s in found)
        return ("value", "mean over seeds"), rows, f"Means ± half a 95 % t interval; {more}"
    return (), (), f"Its main values stand in the table above; {more}"


def seed_cell(record: Record, name: str) -> str:
    """A value of one seed with its interval over images, or why there is none."""
    value = record.values.get(name)
    if value is None or value.value is None:
        return f"not run: {value.not_run if value else record.not_run or 'not measured'}"
    return f"{value.value:.4g}" + (f" [{value.interval[0]:.3g}, {value.interval[1]:.3g}]" if value.interval else "")


def case_facts(group: Sequence[Record], depth: str) -> tuple[tuple[str, str], ...]:
    """What every seed took and where it lies; of a large page only where."""
    if depth == "none":
        return (("keys", ", ".join(r.steps.get("judge", "none")[:DIGITS_OF_KEYS] for r in group)),)
    facts = []
    for record in group:
        seconds = ", ".join(f"{role} {s:.1f}" for role, s in record.seconds.items())
        read = ", ".join(f"{role} {n:,}" for role, n in record.images_read.items())
        keys = ", ".join(f"{role} {key[:DIGITS_OF_KEYS]}" for role, key in record.steps.items())
        said = [
            f"seconds: {seconds}" if seconds else "",
            f"images read: {read}" if read else "",
            f"keys: {keys}" if keys else "",
            record.not_run,
        ]
        facts.append((f"seed {record.case.seed}", "; ".join(s for s in said if s)))
    return (*facts, ("size", f"{group[0].bytes:,} bytes")) if group[0].bytes else tuple(facts)


def rerun_command(combination: Combination, group: Sequence[Record], with_settings: bool) -> str:
    """The command that makes all seeds of a case anew, with every setting of its study that is recorded; of files, what was typed."""
    if typed := group[0].conditions.get("command"):
        return str(typed)
    seeds = " ".join(str(r.case.seed) for r in group)
    axes = {"datasets": combination.dataset, "models": combination.model, "scenarios": combination.scenario,
            "unlearners": combination.unlearner, "quantizers": combination.quantizer}  # fmt: skip
    flags = " ".join(
        f"--{axis} {shlex.quote(as_one_line(choice.label))}" for axis, choice in axes.items() if choice.label not in ("retrain", "nothing")
    )
    if not with_settings:
        return f"canforget run {flags} --seeds {seeds} --set SETTINGS"
    settings = [f"{name}={shlex.quote(as_one_line(value))}" for name, value in settings_of(group[0]).items()]
    given = f" --set {' '.join(settings)}" if settings else ""
    return f"canforget run {flags} --seeds {seeds}{given}"


def settings_of(record: Record) -> dict[str, object]:
    """The keys of a study that a record tells, of `fit` those that differ from their defaults."""
    told = record.hyperparameters
    plain = {
        k: told[k] for k in ("val_fraction", "held_out_fraction", "calibration", "judged_retain", "features", "noise_draws") if k in told
    }
    fit = told.get("fit", {})
    usual = dict(flat({"fit": vars(Fit())}))
    return plain | {k: v for k, v in flat({"fit": fit} if isinstance(fit, Mapping) else {}) if usual.get(k, object()) != v}


def as_one_line(value: object) -> str:
    """A value as a command line holds it."""
    return " ".join((str(value).lower() if isinstance(value, bool) else str(value)).split())
