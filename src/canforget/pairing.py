"""A forget batch beside every retain batch: how methods that weigh two losses against each other go through their images."""

from collections.abc import Iterator

from torch import Tensor

from canforget.augment import augmentation
from canforget.fit import Epoch
from canforget.images import Images

Batch = tuple[Tensor, Tensor]


def paired(epoch: Epoch, forget: Images, retain: Images) -> Iterator[tuple[Batch, Batch]]:
    """Yields (forget batch, retain batch) for one pass over `retain`; `forget` starts again, newly shuffled, whenever it runs out."""
    forgotten = endless(epoch, forget)
    for kept in epoch.batches(retain):
        yield next(forgotten), kept


def endless(epoch: Epoch, images: Images) -> Iterator[Batch]:
    """Yields shuffled, augmented batches of `images` without end; the learning rate does not move with them."""
    while len(images):
        yield from images.batches(epoch.fit.batch_size, epoch.rng, augmentation(epoch.fit, epoch.rng))
