"""Weight noise: does shaking the weights a little shake the memory loose?"""

from collections.abc import Iterator
from copy import deepcopy

import numpy
import torch
from torch import Generator, nn

from canforget.data.images import Images, Split
from canforget.evaluation.probe_results import ProbeResult, Trace
from canforget.hyperparameters import Draws, Positives, Sample
from canforget.probing.asked_images import Recall, forgotten_and_unseen, recall, trace_over
from canforget.probing.copies import require_weights
from canforget.progress import advance
from canforget.registry import component


@component(version=1)
def weight_noise(
    model: nn.Module, split: Split, *, rng: Generator, sizes: Positives = (0.02, 0.05, 0.1, 0.2), draws: Draws = 5, images: Sample = 300
) -> ProbeResult:
    """Accuracy in [0, 1] and margin in nats of at most `images` forgotten and as many matched unseen images, with noise on the weights.

    Gaussian noise whose norm is `size` times that of each layer's weight; the mean over `draws`, at size 0 the model itself. `gap` is
    forgotten less unseen: what shaking a model does to every image cancels. Judge by the excess over retrained models: above its band the
    forgotten come out of the noise better than images never seen. A quantized model is shaken where its weights lie on their grid, with its
    activations rounded on.

    Cost: 2 x images x (1 + sizes x draws).
    """
    require_weights(model, "weight noise")
    sets = dict(zip(("forget", "unseen"), forgotten_and_unseen(split, images, rng), strict=True))
    found = [{kind: recall(model, asked) for kind, asked in sets.items()}]
    for number, size in enumerate(sizes):
        drawn = [{kind: recall(noisy, asked) for kind, asked in sets.items()} for noisy in shaken(model, size, draws, rng)]
        found.append({kind: averaged([d[kind] for d in drawn]) for kind in sets})
        advance((number + 1) / len(sizes))
    return ProbeResult(
        traces_of(found, (0.0, *sizes), sets), {"cost": {"asked_images": sum(map(len, sets.values())) * (1 + len(sizes) * draws)}}
    )


def traces_of(found: list[dict[str, Recall]], doses: tuple[float, ...], sets: dict[str, Images]) -> dict[str, Trace]:
    """The traces of both measures on both sets."""
    measures = enumerate(("accuracy", "margin"))
    return {f"{kind}.{m}": trace_over(doses, [f[kind][k] for f in found], sets[kind]) for k, m in measures for kind in sets}


def averaged(recalls: list[Recall]) -> Recall:
    """The mean of what several models say."""
    accuracy, margin = (numpy.mean([r[k] for r in recalls], axis=0) for k in (0, 1))
    return accuracy, margin


def shaken(model: nn.Module, size: float, draws: int, rng: Generator) -> Iterator[nn.Module]:
    """Copies of `model` with noise on every weight of two axes or more."""
    for _ in range(draws):
        noisy = deepcopy(model)
        with torch.no_grad():
            for parameter in noisy.parameters():
                if parameter.ndim > 1:
                    noise = torch.randn(parameter.shape, generator=rng).to(parameter)
                    parameter.add_(noise, alpha=size * float(parameter.norm()) / parameter.numel() ** 0.5)
        yield noisy
