"""Augmentation of whole batches of uint8 pixels by indexing: padded random crops, flips and blanked squares."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from canforget.hyper import Fit
from canforget.images import Augment


def augmentation(fit: Fit, rng: Generator) -> Augment | None:
    """The augmentation that `fit` asks for, drawing from `rng`, or None."""
    if not (fit.crop or fit.flip or fit.cutout):
        return None
    return lambda x: cut(flip(crop(x, fit.crop, rng), fit.flip, rng), fit.cutout, rng)


def crop(x: Tensor, padding: int, rng: Generator) -> Tensor:
    """Each image shifted by up to `padding` pixels each way, mirrored at the border."""
    if not padding:
        return x
    n, _, h, w = x.shape
    padded = pad(x, (padding,) * 4, mode="reflect") if x.is_floating_point() else pad(x.float(), (padding,) * 4, mode="reflect").to(x.dtype)
    corner = torch.randint(2 * padding + 1, (n, 2), generator=rng).to(x.device)
    rows = (corner[:, :1] + torch.arange(h, device=x.device))[:, None, :, None]
    columns = (corner[:, 1:] + torch.arange(w, device=x.device))[:, None, None, :]
    image = torch.arange(n, device=x.device)[:, None, None, None]
    return padded[image, torch.arange(x.shape[1], device=x.device)[None, :, None, None], rows, columns]


def flip(x: Tensor, wanted: bool, rng: Generator) -> Tensor:
    """Each image mirrored left to right with probability one half."""
    if not wanted:
        return x
    chosen = torch.randint(2, (len(x), 1, 1, 1), generator=rng).bool().to(x.device)
    return torch.where(chosen, x.flip(3), x)


def cut(x: Tensor, side: int, rng: Generator) -> Tensor:
    """Each image with one square of `side` pixels blanked to 0."""
    if not side:
        return x
    n, _, h, w = x.shape
    corner = torch.stack([torch.randint(h - side + 1, (n,), generator=rng), torch.randint(w - side + 1, (n,), generator=rng)], 1).to(x.device)
    row = torch.arange(h, device=x.device)[None, :, None] - corner[:, 0, None, None]
    column = torch.arange(w, device=x.device)[None, None, :] - corner[:, 1, None, None]
    inside = (row >= 0) & (row < side) & (column >= 0) & (column < side)
    return x.masked_fill(inside[:, None], 0)
