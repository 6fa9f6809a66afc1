"""All figures by name: the folder is the list, read without importing; a figure is imported when it is drawn."""

from collections.abc import Callable
from importlib import import_module

from canforget.errors import SpecError, did_you_mean
from canforget.report.drawing.figure import Figure
from canforget.report.record import Groups

FIGURES = ("recovery_by_bits", "price", "membership_roc", "relearning_curves", "accuracy_by_class", "score_distributions", "layers")
"""The members of `report/figures/`, in the order of a page."""
Draw = Callable[[tuple[str, str, str], Groups], list[Figure]]


def figures_named(name: str, groups: Groups) -> list[Figure]:
    """A figure of every data set, model and scenario among the records; raises `SpecError` for a name that there is not."""
    if name not in FIGURES:
        raise SpecError(f"--figure: no figure '{name}'{did_you_mean(name, FIGURES)}")
    draw: Draw = getattr(import_module(f"canforget.report.figures.{name}"), name)
    problems = list(dict.fromkeys(c.problem for c in groups))
    return [figure for p in problems for figure in draw(p, {c: g for c, g in groups.items() if c.problem == p})]
