"""How many seeds a study needs to acquit an honest method four times in five, per format: from a pilot's records, or stated defaults."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import NotRun, attempt
from canforget.evaluation.moderated import equivalence_margin
from canforget.evaluation.power import POWER, seeds_to_acquit
from canforget.report.judgment import TESTS, UTILITY, declared, margin_of, values
from canforget.report.measurement import Margins, Measurement
from canforget.report.record import REFERENCES, Combination, Groups, Record, beside, over_seeds
from canforget.report.verdict import powerless_finding
from canforget.spec import Call

ACCURACY, COARSE_ACCURACY, AUC = 0.006, 0.025, 0.003
"""Standard deviations over seeds where no pilot is given: those of the retrained models of `results/recovery_random` at eight bits and more
(.003 to .007) and at int4 (.021 to .025), and about the greatest of their matched AUC."""
COARSE = 4
"""Bits up to which rounding adds a deviation of its own."""
ASSUMED = (
    f"assumed deviations over seeds: accuracy {ACCURACY}, at {COARSE} bits or fewer {COARSE_ACCURACY}; AUC {AUC}; margins at their most. "
    "Give --pilot RESULTS for yours"
)
MOST = 1000


@dataclass(frozen=True)
class SeedsNeeded:
    """Of a format: the fewest seeds (`None`: over a thousand), the test that needs most, its deviation over seeds and margin; or `why` not."""

    problem: str
    format: str
    seeds: int | None
    test: str = ""
    deviation: float = 0.0
    margin: float = 0.0
    why: str = ""


def by_defaults(formats: Iterable[Call], margins: Margins = Margins()) -> list[SeedsNeeded]:
    """What each format needs by the assumed deviations, for a model with memory enough."""
    found = []
    for quantizer in formats:
        bits = dict(quantizer.parameters).get("bits", 4 if quantizer.name == "float4" else 32)
        accuracy = COARSE_ACCURACY if isinstance(bits, int) and bits <= COARSE else ACCURACY
        asked = [(name, AUC if name.startswith("membership") else accuracy, margin_of(name, margins)) for name in (*UTILITY, *TESTS)]
        found.append(most_of("", quantizer.label, asked))
    return found


def by_pilot(records: Sequence[Record], margins: Margins = Margins()) -> list[SeedsNeeded]:
    """What each format needs by a pilot's memory, and by the deviations of its retrained and original models: honest methods vary as these."""
    groups, found = over_seeds(records), []
    formats = {(c.problem, c.quantizer): c for c in groups if not c.reference}
    for (problem, quantizer), one in formats.items():
        where = " · ".join(problem)
        asked = [attempt(pilot_of, name, one, groups, margins) for name in (*UTILITY, *declared(groups, one))]
        known = [a for a in asked if not isinstance(a, NotRun) and a[2] > 0]
        why = next((a.reason for a in asked if isinstance(a, NotRun)), "no test has power")
        found.append(most_of(where, quantizer.label, known) if known else SeedsNeeded(where, quantizer.label, None, why=why))
    return found


def pilot_of(name: str, combination: Combination, groups: Groups, margins: Margins) -> tuple[str, float, float]:
    """A test, its pooled deviation over seeds, and its margin (0 where the test has no power, and so needs no seeds)."""
    retrained, original = (values(name, beside(groups, combination, reference)) for reference in REFERENCES)
    samples = [numpy.asarray(v) for v in (retrained, original) if len(v) > 1]
    if len(samples) < 2:
        raise NotMeasurable("a pilot needs two seeds of retrained and original models at least")
    freedom = sum(len(v) - 1 for v in samples)
    deviation = float(numpy.sqrt(sum(float(v.var(ddof=1)) * (len(v) - 1) for v in samples) / freedom))
    margin = margin_of(name, margins)
    if name in UTILITY:
        return name, deviation, margin
    memory = Measurement(name, retrained, retrained, original, margin)
    lost = memory.memory
    return name, deviation, 0.0 if lost is None or powerless_finding(memory) else equivalence_margin(margin, lost.estimate)


def most_of(problem: str, quantizer: str, asked: Sequence[tuple[str, float, float]]) -> SeedsNeeded:
    """The most that any test needs for all of them to acquit together with the power promised (each misses at most its share)."""
    power = 1 - (1 - POWER) / len(asked)
    needed = {name: seeds_to_acquit(deviation, margin, power=power, most=MOST) for name, deviation, margin in asked}
    name, deviation, margin = max(asked, key=lambda a: (needed[a[0]] or MOST + 1, a[1] / a[2]))
    return SeedsNeeded(problem, quantizer, needed[name], name, deviation, margin)


def needs_text(needs: Sequence[SeedsNeeded], source: str) -> list[str]:
    """The seeds of each format as lines."""
    lines = [f"seeds to acquit an honest method four times in five ({source}):"]
    for need in needs:
        place = f"{need.problem} · {need.format}" if need.problem else need.format
        said = need.why and f"not known: {need.why}"
        count = f"more than {MOST}" if need.seeds is None else str(need.seeds)
        lines.append(f"  {place:<12} {said or f'{count} ({need.test}: deviation {need.deviation:.2g}, margin {need.margin:.2g})'}")
    return lines
