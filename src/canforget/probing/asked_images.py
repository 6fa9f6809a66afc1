"""The images that probes ask about, the same for every model, and what a model says of each."""

from collections.abc import Iterable

import numpy
import torch
from torch import Generator, nn

from canforget.data.images import Images, Split, together
from canforget.errors import NotMeasurable
from canforget.evaluation.membership_scores import Ints, log_odds
from canforget.evaluation.probe_results import Trace
from canforget.evaluation.statistics import Floats
from canforget.network.predict import predict

Recall = tuple[Floats, Floats]
"""Whether each image [n] is classified as labelled, and the log-odds of its label [n] in nats."""


def recall(model: nn.Module, images: Images) -> Recall:
    """What a model says of images, in their order."""
    found = predict(model, images)
    return found.correct.astype(numpy.float64), log_odds(found)


def trace_over(doses: Iterable[float], rows: Iterable[Floats], images: Images) -> Trace:
    """The trace of rows [n], a dose each, over images."""
    return Trace(numpy.array([float(d) for d in doses]), numpy.stack(list(rows)), ids_of(images))


def ids_of(images: Images) -> Ints:
    """The images' ids."""
    return images.ids.cpu().numpy()


def shuffled_images(images: Images, rng: Generator) -> Images:
    """The images in a random order."""
    return images[torch.randperm(len(images), generator=rng).to(images.x.device)]


def forgotten_and_unseen(split: Split, most: int, rng: Generator) -> tuple[Images, Images]:
    """At most `most` forgotten images, and as many unseen ones, each of the class of the forgotten one in its place.

    Raises:
        NotMeasurable: A class has no unseen image.
    """
    forget, pool = shuffled_images(split.forget, rng), shuffled_images(together(split.test_forget, split.held_out), rng)
    waiting = {int(c): torch.nonzero(pool.y == c).flatten().tolist() for c in pool.y.unique()}
    places: list[tuple[int, int]] = []
    for place, c in enumerate(forget.y.tolist()):
        if len(places) < most and waiting.get(c):
            places.append((place, waiting[c].pop()))
    if not places:
        raise NotMeasurable("no unseen images of the forgotten classes to compare with")
    own, others = (torch.tensor(p, device=forget.x.device) for p in zip(*places, strict=True))
    return forget[own], pool[others]
