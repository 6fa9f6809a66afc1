"""Calibrated scores: do forgotten images look like unseen ones, or like those that were kept?"""

from typing import Any

from canforget.report.drawing.figure import Figure, Panel, axes, elided, inner
from canforget.report.drawing.scale import Scale
from canforget.report.drawing.series import UNDRAWN, curves_of, group_of, ordered_formats, references_there, unlearned_models
from canforget.report.drawing.svg import SeriesStyle, polyline, words
from canforget.report.record import Groups
from canforget.report.wording import unlearner_name

SETS = {
    "forget": SeriesStyle("c0", "triangle"),
    "unseen": SeriesStyle("retrained", "circle", "6 3"),
    "retain": SeriesStyle("original", "square", "2 3"),
}
WORDS_OF_SETS = {"forget": "forgotten", "unseen": "matched unseen", "retain": "retained"}
SIZE = (264.0, 180.0)


def score_distributions(problem: tuple[str, str, str], groups: Groups) -> list[Figure]:
    """One panel a model at full precision, of its first seed."""
    plain = ordered_formats(groups)[0].label
    models = [
        *((label, name) for label, name, _ in references_there(groups)),
        *((u.label, unlearner_name(u)) for u in unlearned_models(groups)),
    ]
    found = {name: curves_of(group_of(groups, label, plain), "scores")[:1] for label, name in models}
    there = {name: scores[0] for name, scores in found.items() if scores}
    if not there:
        return [Figure("score_distributions", "Scores of single images", "", problem, note=UNDRAWN)]
    known = all(s["calibrated"] for s in there.values())
    kind = "Log-odds of the label less the retrained models' mean" if known else "Log-odds of the label"
    says = f"{kind}, nats, of the first seed: the share of each set in equal bins; the outermost bins hold what lies beyond."
    panels = tuple(distribution_panel(name, scores) for name, scores in there.items())
    entries = tuple((WORDS_OF_SETS[s], style) for s, style in SETS.items() if any(s in scores["counts"] for scores in there.values()))
    rows = [(name, WORDS_OF_SETS[s], str(sum(counts)), quantile(scores["edges"], counts, 0.1), quantile(scores["edges"], counts, 0.5), quantile(scores["edges"], counts, 0.9))
            for name, scores in there.items() for s, counts in scores["counts"].items()]  # fmt: skip
    return [
        Figure(
            "score_distributions",
            "Scores of single images",
            says,
            problem,
            panels,
            entries,
            ("model", "set", "images", "10 %", "median", "90 %"),
            tuple(rows),
        )
    ]


def distribution_panel(name: str, scores: Any) -> Panel:
    """The sets of one model as steps."""
    edges, counts = scores["edges"], scores["counts"]
    shares = {s: [c / max(sum(own), 1) for c in own] for s, own in counts.items()}
    across, up = inner(*SIZE)
    x, y = Scale(edges[0], edges[-1], *across), Scale(0, max((max(s) for s in shares.values()), default=1.0), *up)
    content = words(elided(name, 33), 4, 13, "name") + axes(SIZE, x, y, ("score, nats", ""))
    for s, style in SETS.items():
        if s in shares:
            content += polyline([(x(e), y(v)) for k, v in enumerate(shares[s]) for e in edges[k : k + 2]], style)
    said = "; ".join(f"{WORDS_OF_SETS[s]}: median {quantile(edges, own, 0.5)}" for s, own in counts.items())
    return Panel(name, f"{name}: {said}", content, *SIZE)


def quantile(edges: list[float], counts: list[int], share: float) -> str:
    """The middle of the bin in which a share of the images is reached.

    >>> quantile([0.0, 1.0, 2.0], [1, 9], 0.5)
    '1.50'
    """
    reached = 0
    for k, count in enumerate(counts):
        reached += count
        if reached >= share * sum(counts) and reached:
            return f"{(edges[k] + edges[k + 1]) / 2:.2f}"
    return "–"
