"""Members and matched non-members: forget images beside images of the same classes that no training has seen."""

from dataclasses import dataclass

import numpy

from canforget.errors import NotMeasurable
from canforget.evaluation.evidence import Evidence, Predictions, Views, joined, view_of
from canforget.evaluation.membership_scores import Ints


@dataclass(frozen=True)
class MatchedSets:
    """One model's predictions on the forget set (members) and on unseen images that match it (non-members)."""

    forget: Predictions
    unseen: Predictions


def matched_sets(evidence: Evidence, rng: numpy.random.Generator) -> list[MatchedSets]:
    """Members and matched non-members of the subject, then of each retrained model on the same images, all in the order of their ids."""
    subject, *retrained = [unmatched_sets(views, evidence.coins) for views in (evidence.subject, *evidence.references)]
    if any(not same_images(subject, pair) for pair in retrained):
        raise NotMeasurable("the retrained models were judged on other images than the subject")
    if evidence.coins:
        return [subject, *retrained]
    places = matching_places(subject.forget.labels, subject.unseen.labels, rng)
    return [MatchedSets(p.forget, p.unseen.where(places)) for p in (subject, *retrained)]


def unmatched_sets(views: Views, coins: bool = False) -> MatchedSets:
    """One model's members and non-members before their class histograms are matched, each set in the order of its ids."""
    sets = {
        name: p.where(numpy.argsort(p.ids, kind="stable"))
        for name, p in exchangeable_views(views, coins).items()
        if name in ("forget", "test_forget", "held_out")
    }
    return MatchedSets(view_of(sets, "forget"), unseen(sets))


def exchangeable_views(views: Views, coins: bool) -> Views:
    """The views without the matched test images where coins were tossed: only images tossed out are exchangeable with those tossed in."""
    return {name: p for name, p in views.items() if name != "test_forget"} if coins else views


def unseen(views: Views) -> Predictions:
    """Test images matched to the forget set, and images of the forgotten classes held out of all training, whichever there are."""
    there = [name for name in ("test_forget", "held_out") if len(views.get(name, ()))]
    return joined(*(view_of(views, name) for name in there)) if there else view_of(views, "test_forget")


def matching_places(members: Ints, others: Ints, rng: numpy.random.Generator, tolerance: float = 0.05) -> Ints:
    """Places in `others` (labels [n]) whose class histogram matches that of `members` (labels [m]).

    All of them where the histograms differ by at most `tolerance` in total variation; else the most that can be kept, drawn per class.
    """
    classes, wanted = numpy.unique(members, return_counts=True)
    if not numpy.array_equal(classes, numpy.unique(others)):
        raise NotMeasurable(
            f"unseen images must be of the forget set's classes {shown_classes(classes)}, not {shown_classes(numpy.unique(others))}"
        )
    there = numpy.array([(others == c).sum() for c in classes])
    if abs(wanted / wanted.sum() - there / there.sum()).sum() / 2 <= tolerance:
        return numpy.arange(len(others))
    keep = numpy.floor(wanted * (there / wanted).min()).astype(int)
    if not (keep > 0).all():
        raise NotMeasurable("too few unseen images to match the forget set's class histogram")
    return numpy.sort(numpy.concatenate([rng.choice(numpy.flatnonzero(others == c), size=k, replace=False) for c, k in zip(classes, keep)]))


def same_images(one: MatchedSets, other: MatchedSets) -> bool:
    """Whether two models were judged on the same images."""
    return numpy.array_equal(one.forget.ids, other.forget.ids) and numpy.array_equal(one.unseen.ids, other.unseen.ids)


def shown_classes(classes: Ints) -> str:
    """A few class numbers, for a message."""
    return ", ".join(str(c) for c in classes[:6]) + (", ..." if len(classes) > 6 else "")
