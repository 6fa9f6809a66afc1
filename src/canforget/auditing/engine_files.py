"""What an engine runs shows outputs alone, so that less is asked of it: it is never judged better than its simulation, of which all is asked."""

from collections.abc import Sequence
from dataclasses import replace

from canforget.auditing.account import FormatVerdict
from canforget.auditing.measure import FormatSheets
from canforget.auditing.standard import FORMATS
from canforget.report.verdict import CONSISTENT, INCONCLUSIVE, POWERLESS, WEAKER

BEST = (CONSISTENT, POWERLESS)
"""The words that say nothing against a model."""


def beside_simulations(
    every: Sequence[FormatSheets], verdicts: Sequence[FormatVerdict], missed: Sequence[tuple[str, ...]]
) -> list[FormatVerdict]:
    """The verdicts on all formats, with the questions that each was not asked, and none better than its simulation where there are any."""
    return [
        beside_simulation(replace(v, not_asked=names), simulation_of(s, every, verdicts)) if names else v
        for s, v, names in zip(every, verdicts, missed, strict=True)
    ]


def simulation_of(sheets: FormatSheets, every: Sequence[FormatSheets], verdicts: Sequence[FormatVerdict]) -> FormatVerdict | None:
    """The verdict on the simulation of what an engine runs: of the same quantizer, else of int8, which engines run; `None` without either."""
    simulated = [(s.label, v) for s, v in zip(every, verdicts, strict=True) if not s.engine and s.label]
    alike = [v for label, v in simulated if label == sheets.label] or [v for label, v in simulated if label == FORMATS["int8"]]
    return max(alike, key=lambda v: WEAKER.index(v.word), default=None)


def beside_simulation(verdict: FormatVerdict, simulation: FormatVerdict | None) -> FormatVerdict:
    """The verdict on what was asked fewer questions than its simulation: never a better one.

    Else they would acquit a file whose very weights are known to remember. It is *inconclusive* then, and not accused: what was not
    asked was not found.
    """
    unsure = verdict.had_forgotten and not (simulation is not None and simulation.had_forgotten)
    told = replace(verdict, had_forgotten=None if unsure else verdict.had_forgotten)
    if verdict.word not in BEST or (simulation is not None and WEAKER.index(simulation.word) <= WEAKER.index(verdict.word)):
        return told
    why = "its simulation was not audited"
    if simulation is not None:
        why = f"its simulation, {simulation.format}, is {simulation.word} by {simulation.reason}"
    return replace(told, word=INCONCLUSIVE, reason=f"not asked here: {', '.join(verdict.not_asked)}; {why}")
