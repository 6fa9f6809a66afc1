"""Members and matched unseen images: forget images beside images of the same classes that no training has seen."""

from dataclasses import dataclass

import numpy

from canforget.evaluation.evidence import Evidence, NotRun, Predictions, Views, joined, view_of
from canforget.evaluation.membership_scores import Ints


def unseen(views: Views) -> Predictions | NotRun:
    """Test images matched to the forget set, and images of the forgotten classes held out of all training where there are any."""
    matched = view_of(views, "test_forget")
    if isinstance(matched, NotRun):
        return matched
    extra = views.get("held_out")
    if extra is None or len(extra) == 0:
        return matched
    held_out = view_of(views, "held_out")
    return held_out if isinstance(held_out, NotRun) else joined(matched, held_out)


def matching_places(members: Ints, others: Ints, rng: numpy.random.Generator, tolerance: float = 0.05) -> Ints | NotRun:
    """Places in `others` (labels [n]) whose class histogram matches that of `members` (labels [m]).

    All of them where the histograms differ by at most `tolerance` in total variation; else the most that can be kept, drawn per class.
    """
    classes, wanted = numpy.unique(members, return_counts=True)
    if not numpy.array_equal(classes, numpy.unique(others)):
        return NotRun(f"unseen images must be of the forget set's classes {shown(classes)}, not {shown(numpy.unique(others))}")
    there = numpy.array([(others == c).sum() for c in classes])
    if abs(wanted / wanted.sum() - there / there.sum()).sum() / 2 <= tolerance:
        return numpy.arange(len(others))
    keep = numpy.floor(wanted * (there / wanted).min()).astype(int)
    chosen = [rng.choice(numpy.flatnonzero(others == c), size=k, replace=False) for c, k in zip(classes, keep)]
    places = numpy.sort(numpy.concatenate(chosen))
    return places if (keep > 0).all() else NotRun("too few unseen images to match the forget set's class histogram")


@dataclass(frozen=True)
class MatchedSets:
    """One model's predictions on the forget set and on unseen images that match it."""

    forget: Predictions
    unseen: Predictions


def sides(evidence: Evidence, rng: numpy.random.Generator) -> tuple[MatchedSets, ...] | NotRun:
    """The subject's two sides, then each retrained model's on the same images, all in the order of their ids."""
    found = [in_order(views) for views in (evidence.subject, *evidence.references)]
    missing = [pair for pair in found if isinstance(pair, NotRun)]
    if missing:
        return missing[0]
    subject, *retrained = [pair for pair in found if isinstance(pair, MatchedSets)]
    if any(not same_images(subject, pair) for pair in retrained):
        return NotRun("the retrained models were judged on other images than the subject")
    places = matching_places(subject.forget.labels, subject.unseen.labels, rng)
    return places if isinstance(places, NotRun) else tuple(MatchedSets(p.forget, p.unseen.where(places)) for p in (subject, *retrained))


def in_order(views: Views) -> MatchedSets | NotRun:
    """Both sides of one model before matching, each set in the order of its ids."""
    sets = {
        name: p.where(numpy.argsort(p.ids, kind="stable")) for name, p in views.items() if name in ("forget", "test_forget", "held_out")
    }
    forget, others = view_of(sets, "forget"), unseen(sets)
    if isinstance(forget, NotRun):
        return forget
    return others if isinstance(others, NotRun) else MatchedSets(forget, others)


def same_images(one: MatchedSets, other: MatchedSets) -> bool:
    """Whether two models were judged on the same images."""
    return numpy.array_equal(one.forget.ids, other.forget.ids) and numpy.array_equal(one.unseen.ids, other.unseen.ids)


def shown(classes: Ints) -> str:
    """A few class numbers, for a message."""
    return ", ".join(str(c) for c in classes[:6]) + (", ..." if len(classes) > 6 else "")
