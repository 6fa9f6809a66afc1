"""Flags of an audit: the reasons why it may be wrong, each with the figure that says so."""

from collections.abc import Iterator, Sequence

import numpy

from canforget.auditing import standard
from canforget.auditing.account import AuditAnswer, Flag, FormatVerdict
from canforget.auditing.measure import FormatSheets
from canforget.auditing.questions_asked import known, value
from canforget.errors import CanforgetError
from canforget.evaluation.calibrated import near_duplicates
from canforget.evaluation.evidence import Evidence, Predictions, Views
from canforget.evaluation.membership_scores import log_odds
from canforget.evaluation.statistics import Floats, Interval, t_interval
from canforget.report.verdict import RESIDUAL, UTILITY_LOST

STRONG = ("membership", "coin flips", "both versions", "prototype", "probe", "relearning", "blank head", "recovery radius")


def flags_of(every: Sequence[FormatSheets], answers: Sequence[AuditAnswer], verdicts: Sequence[FormatVerdict]) -> tuple[Flag, ...]:
    """All flags, raised or not, in the order in which a reader wants to know them."""
    first = every[0]
    return (
        null_band(first),
        utility_flag(verdicts),
        saturated(every),
        cheap_beats_strong(every, answers),
        exchangeable(first),
        trained_alike(first.evidence),
        duplicates(first.evidence, "retain", "training data"),
        duplicates(first.evidence, "test", "test images"),
        same_format(every),
    )


def null_band(sheets: FormatSheets) -> Flag:
    """Too few retrained models for a band, and no coins that need none."""
    found, coins = len(sheets.retrained), sheets.evidence.coins
    said = f"{found} retrained models" + ("; the coins need none" if coins else f", {standard.FEWEST_RETRAINED} make a band")
    return Flag("no null band", found < standard.FEWEST_RETRAINED and not coins, said)


def utility_flag(verdicts: Sequence[FormatVerdict]) -> Flag:
    """A ruined model forgets everything: nothing is said of forgetting where utility is lost."""
    lost = [v.format for v in verdicts if v.word == UTILITY_LOST]
    return Flag("utility lost", bool(lost), f"in {', '.join(lost)}" if lost else "in no format")


def saturated(every: Sequence[FormatSheets]) -> Flag:
    """Log-odds that are infinite or tie: ranks of them say little, and an attack by ranks finds little."""
    shares = {s.format: tied(s.evidence.subject["forget"]) for s in every if "forget" in s.evidence.subject}
    worst = max(shares, key=lambda f: shares[f])
    return Flag(
        "saturated logits", shares[worst] > standard.SATURATED, f"{shares[worst]:.1%} of the forget set tie or are infinite ({worst})"
    )


def tied(predictions: Predictions) -> float:
    """The share of images whose log-odds are infinite or those of another image."""
    odds = log_odds(predictions)
    _, place, counts = numpy.unique(odds, return_inverse=True, return_counts=True)
    return float(((counts[place] > 1) | ~numpy.isfinite(odds)).mean())


def cheap_beats_strong(every: Sequence[FormatSheets], answers: Sequence[AuditAnswer]) -> Flag:
    """A cheap attack that finds what the strong ones do not: then these are broken, or the answer is that of the cheap one."""
    beaten = [f"{name} in {sheets.format}" for sheets in every for name in cheap_finds(sheets) if not found_by_strong(sheets, answers)]
    return Flag("a cheap attack beats the strong ones", bool(beaten), "; ".join(beaten) or "none does")


def cheap_finds(sheets: FormatSheets) -> Iterator[str]:
    """Raw attacks whose AUC is above the band of one more retrained model by more than their images' error; needs a band."""
    if len(sheets.retrained) < standard.FEWEST_RETRAINED:
        return
    for name in ("membership.phi", "membership.loss", "membership.label_blind"):
        if all(known(s, name) for s in (sheets.subject, *sheets.retrained)):
            others = numpy.array([value(s, name) for s in sheets.retrained])
            excess, images = value(sheets.subject, name) - float(others.mean()), sheets.subject[name]["interval"]
            if excess > max(MANY_DEVIATIONS * deviation_of_one_more(others), (images[1] - images[0]) / 2, 0.02):
                yield f"{name} ({excess:+.3f})"


MANY_DEVIATIONS = 5.0
"""How many deviations from retrained models are odd: three models know their deviation badly."""


def deviation_of_one_more(found: Floats) -> float:
    """Standard deviation of one more retrained model from the mean of these; 0 where there is only one to know it by."""
    return float(found.std(ddof=1) * numpy.sqrt(1 + 1 / len(found))) if len(found) > 1 else 0.0


def found_by_strong(sheets: FormatSheets, answers: Sequence[AuditAnswer]) -> bool:
    """Whether a strong attack finds a residue in the same format."""
    return any(a.word == RESIDUAL for a in answers if a.format == sheets.format and a.question in STRONG)


def exchangeable(sheets: FormatSheets) -> Flag:
    """Retrained models have seen neither side: what they tell apart differs by itself."""
    name = "non-members not exchangeable"
    if sheets.evidence.coins:
        return Flag(name, False, "coins decided, image by image")
    there = [s for s in sheets.retrained if known(s, "membership.phi")]
    if not there:
        return Flag(name, False, "not known without retrained models")
    found = [value(s, "membership.phi") for s in there]
    mean, interval = float(numpy.mean(found)), band(found, there[0]["membership.phi"]["interval"])
    off = not interval[0] <= 0.5 <= interval[1] and abs(mean - 0.5) > standard.NOT_EXCHANGEABLE
    return Flag(name, off, f"retrained models have an AUC of {mean:.3f} [{interval[0]:.3f}, {interval[1]:.3f}], .5 wanted")


UNLIKE = 0.25
"""How far apart, of their own size, log-odds on the retain set may be before models count as trained in other ways."""


def trained_alike(evidence: Evidence) -> Flag:
    """Forgetting plays no part on the retain set: where the original is surer there than retrained models, another training made it so.

    Then differences on the forget set may be those of the trainings (label smoothing alone halves margins), not of memory.
    """
    name = "retrained models were trained otherwise"
    if evidence.original is None or not evidence.retrained:
        return Flag(name, False, "not known without the original and retrained models")
    own, others = sureness(evidence.original), numpy.array([sureness(views) for views in evidence.retrained])
    mean = float(others.mean())
    off = abs(own - mean) > max(MANY_DEVIATIONS * deviation_of_one_more(others), UNLIKE * abs(mean))
    said = f"log-odds on the retain set: {own:.2f} of the original, {mean:.2f} of retrained models"
    return Flag(name, off, said + ("; retrain as the original was trained, label smoothing and length included" if off else ""))


def sureness(views: Views) -> float:
    """The median log-odds of the true class on the retain set, in nats."""
    return float(numpy.median(log_odds(views["retain"])))


def band(found: Sequence[float], images: Interval) -> Interval:
    """The interval of a mean over models, never narrower than that over the images, which they share."""
    mean, half = float(numpy.mean(found)), (images[1] - images[0]) / 2
    models = t_interval(found)
    half = max(half, (models[1] - models[0]) / 2 if models else 0.0)
    return mean - half, mean + half


def duplicates(evidence: Evidence, where: str, words: str) -> Flag:
    """Forgotten images of which an almost equal one is still there, by features of a retrained model (else of the original)."""
    name = f"near-duplicates in {words}"
    views = evidence.retrained[0] if evidence.retrained else evidence.original
    try:
        counted = None if views is None else count_duplicates(views, where)
    except CanforgetError as why:
        return Flag(name, False, f"not looked for: {why}")
    if counted is None:
        return Flag(name, False, "not looked for: features of a float retrained or original model are needed")
    found, expected = counted
    limit = expected + 3 * float(numpy.sqrt(expected)) + 1
    return Flag(name, where == "retain" and found > limit, f"{found} of the forget set have one, {expected:.1f} expected by chance")


def count_duplicates(views: Views, where: str) -> tuple[int, float] | None:
    """How many forgotten images have an almost equal one in a set, and how many would by chance."""
    sets = [views.get(v) for v in ("forget", "retain", where)]
    features = [(v.features, v.ids) for v in sets if v is not None and v.features is not None]
    if len(features) < 3:
        return None
    found = near_duplicates(features[0], features[1], None if where == "retain" else features[2])
    return len(numpy.unique(found.forget)), found.expected


def same_format(every: Sequence[FormatSheets]) -> Flag:
    """A file of which nobody said how it was quantized is judged beside float models: what rounding does counts against it."""
    odd = [s.format for s in every if not s.label]
    return Flag("compared across formats", bool(odd), f"nobody said how {', '.join(odd)} was quantized" if odd else "no")
