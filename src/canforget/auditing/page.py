"""The page of a certificate that a person reads: plain, in one file, failures first; whatever it is told is escaped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from canforget.report.wording import MEANING

TEMPLATE = Path(__file__).with_name("certificate.html")


def page_of(predicate: Mapping[str, Any], subjects: Sequence[Mapping[str, Any]]) -> str:
    """The page that says in words what a certificate's predicate holds; the same predicate gives the same page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": shown_number}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(about=predicate, subjects=subjects, meaning=MEANING.get(predicate["verdict"]["word"], ""))


def shown_number(value: float | None) -> str:
    """A number in three places; a dash where there is none.

    >>> shown_number(0.12345), shown_number(None)
    ('0.123', '–')
    """
    return "–" if value is None else f"{value:.3f}"
