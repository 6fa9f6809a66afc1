"""Batches for losses on two sets: a forget batch beside every retain batch; and a part of a set held out for selection."""

from collections.abc import Iterator
from itertools import count

import torch
from torch import Generator, Tensor

from canforget.data.images import Images
from canforget.training.loop import Epoch, batch_indices

Batch = tuple[Tensor, Tensor]


def paired_batches(epoch: Epoch, forget: Images, retain: Images) -> Iterator[tuple[Batch, Batch]]:
    """Yields (forget batch, retain batch) for one pass over `retain`; `forget` starts again, newly shuffled, whenever it runs out."""
    forgotten = endless(epoch, forget)
    for kept in epoch.batches(retain):
        yield next(forgotten), kept


def endless(epoch: Epoch, images: Images) -> Iterator[Batch]:
    """Yields shuffled, augmented batches of `images` without end; the learning rate does not move with them.

    A batch of one image holds it twice: its mean loss is the same, and BatchNorm has no statistics of a single value.
    """
    for passed in count() if len(images) else ():
        for chosen in batch_indices(torch.randperm(len(images), generator=epoch.rng), epoch.fit.batch_size):
            chosen = chosen.repeat(2) if len(chosen) == 1 else chosen
            yield epoch.augmenter.batch(images.x, chosen, epoch.number + passed), images.y[chosen.to(images.y.device)]


def held_out_part(images: Images, fraction: float, rng: Generator) -> tuple[Images, Images]:
    """Returns (the rest, a random part of `fraction`, at least one image); a set of one image is both, for it cannot be split."""
    if len(images) < 2:
        return images, images
    order = torch.randperm(len(images), generator=rng).to(images.x.device)
    count = max(1, round(fraction * len(images)))
    return images[order[count:]], images[order[:count]]
