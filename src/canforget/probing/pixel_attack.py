"""The least change of pixels that makes a model say a label: APGD on the margin, and a binary search over its size."""

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor, nn

from canforget.data.images import Images
from canforget.progress import advance

Ask = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Pixels [n, c, h, w] in 0..255 -> each image's margin of its label [n] and its gradient."""
MOMENTUM, SUCCESSES = 0.75, 0.75


def label_margins(model: nn.Module, y: Tensor) -> Ask:
    """Margin z_y - max_{c≠y} z_c of a model's logits, above 0 where it says the label, with its gradient by the pixels."""

    def ask(x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_(True)
        with torch.enable_grad():
            z = model(x).float()
            rest = z.scatter(1, y[:, None], -torch.inf).amax(dim=1)
            margin = z.gather(1, y[:, None]).flatten() - rest
            (gradient,) = torch.autograd.grad(margin.sum(), x)
        return margin.detach(), gradient

    return ask


def checkpoints(steps: int) -> list[int]:
    """The steps after which the step size is looked at, nearer and nearer.

    >>> checkpoints(20)
    [5, 9, 12, 14, 16, 18, 19, 20]
    """
    places = [0.0, 0.22]
    while places[-1] < 1:
        places.append(round(places[-1] + max(places[-1] - places[-2] - 0.03, 0.06), 6))
    return sorted({min(steps, ceil(p * steps)) for p in places[1:]})


def apgd(ask: Ask, x: Tensor, epsilon: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The greatest margin [n] found within `epsilon` [n] (in 0..255) of each image in the maximum norm, and where [n, c, h, w].

    Starts at the image; the first step is 2 epsilon, halved where too few steps gained or nothing better was found since the last look.

    Source: Croce and Hein 2020, https://arxiv.org/abs/2003.01690, algorithm 1. Deviation: no random start, so that one model asked twice says one thing.
    """
    size = epsilon.view(-1, 1, 1, 1)
    low, high = (x - size).clamp(min=0), (x + size).clamp(max=255)
    step, now, before = 2 * size, x, x
    margin, gradient = ask(x)
    best, best_margin, best_gradient = x, margin, gradient
    gains, last_step, last_margin, last_look = torch.zeros_like(margin), step, margin, 0
    looks = checkpoints(steps)
    for k in range(1, steps + 1):
        aim = torch.clamp(now + step * gradient.sign(), low, high)
        weight = MOMENTUM if k > 1 else 1.0
        now, before = torch.clamp(now + weight * (aim - now) + (1 - weight) * (now - before), low, high), now
        found, gradient = ask(now)
        gains += found > margin
        margin = found
        better = margin > best_margin
        wide = better.view(-1, 1, 1, 1)
        best, best_gradient = torch.where(wide, now, best), torch.where(wide, gradient, best_gradient)
        best_margin = torch.where(better, margin, best_margin)
        if k in looks:
            stalled = (gains < SUCCESSES * (k - last_look)) | ((step == last_step).flatten() & (best_margin <= last_margin))
            gains, last_step, last_margin, last_look = torch.zeros_like(gains), step, best_margin, k
            wide = stalled.view(-1, 1, 1, 1)
            step, now, before = torch.where(wide, step / 2, step), torch.where(wide, best, now), torch.where(wide, best, before)
            gradient, margin = torch.where(wide, best_gradient, gradient), torch.where(stalled, best_margin, margin)
    return best_margin, best


def radii(model: nn.Module, images: Images, *, most: float, steps: int, searches: int) -> tuple[Tensor, int]:
    """The least change of any pixel, as a fraction of 255, that makes `model` say the label [n]; and how many images were passed through it.

    0 where it says so already, `most` where nothing within `most` was found. Between, right to most / 2^searches, of what the attack finds:
    the true radius is never greater, and may be less.
    """
    x, y = images.x.float(), images.y
    margin, _ = label_margins(model, y)(x)
    found, passed = torch.where(margin > 0, 0.0, torch.full_like(margin, most)), len(x)
    places = torch.nonzero(margin <= 0).flatten()
    low = torch.zeros_like(found)
    for search in range(searches + 1):
        if len(places) == 0:
            break
        tried = (low[places] + found[places]) / 2 if search else found[places]
        reached, where = apgd(label_margins(model, y[places]), x[places], 255 * tried, steps)
        passed += len(places) * (steps + 1)
        change = (where - x[places]).abs().flatten(1).amax(dim=1) / 255
        hit = reached > 0
        found[places] = torch.where(hit, torch.minimum(change, tried), found[places])
        low[places] = torch.where(hit, low[places], tried)
        places = places if search else places[hit]
        advance((search + 1) / (searches + 1))
    return found, passed
