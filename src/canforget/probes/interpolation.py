"""Interpolation: where on the straight line of weights to the original does the memory return?"""

from copy import deepcopy

import torch
from torch import Generator, nn

from canforget.data.images import Images, Split
from canforget.errors import SpecError
from canforget.evaluation.probe_results import ProbeResult
from canforget.hyperparameters import Count, Sample
from canforget.probing.asked_images import recall, shuffled_images, trace_over
from canforget.progress import advance
from canforget.quantization.batchnorm import reestimated
from canforget.quantization.quantized import require_float
from canforget.quantization.tracing import BATCH_NORMS
from canforget.registry import component


def refuses(quantizer: dict[str, object]) -> str:
    """Only float weights lie on a line with those of the original."""
    return (
        ""
        if quantizer["name"] == "none"
        else f"interpolation needs float weights with their normalization, which {quantizer['label']} has not"
    )


@component(paper="Frankle et al. 2020, https://arxiv.org/abs/1912.05671", version=1, reading="memory_return")
def interpolation(
    model: nn.Module,
    split: Split,
    *,
    rng: Generator,
    original: nn.Module,
    pieces: Count = 10,
    images: Sample = 300,
    norm_images: Sample = 1000,
) -> ProbeResult:
    """Accuracy in [0, 1] and margin in nats of at most `images` forgotten images at θ + λ (θ_original - θ), λ from 0 to 1 in equal `pieces`.

    The ends are the two models as they are; between them BatchNorm takes its statistics anew from at most `norm_images` retained images.
    `return_at` (`memory_return` in evaluation/probe_readings.py) is the λ at which the margin is halfway from retrained models to the
    original. A retrained model has other weights altogether, and remembers only next to λ = 1.

    Cost: (pieces + 1) x images of asking and (pieces - 1) x norm_images for the statistics.

    Raises:
        SpecError: A model is quantized, or the two are not of one architecture.
    """
    require_float(model, "interpolation")
    require_float(original, "interpolation")
    ends = model.state_dict(), original.state_dict()
    if {n: t.shape for n, t in ends[0].items()} != {n: t.shape for n, t in ends[1].items()}:
        raise SpecError("interpolation: the original is of another architecture; pass the model that this one was made from")
    asked, seen = shuffled_images(split.forget, rng)[:images], shuffled_images(split.retain, rng)[:norm_images]
    places, found = [k / pieces for k in range(pieces + 1)], []
    for place in places:
        found.append(recall(between(model, original, place, seen), asked))
        advance((len(found)) / len(places))
    traces = {f"forget.{m}": trace_over(places, [f[k] for f in found], asked) for k, m in enumerate(("accuracy", "margin"))}
    cost = {"asked_images": len(asked) * len(places), "normalized_images": len(seen) * max(0, pieces - 1)}
    return ProbeResult(traces, {"cost": cost})


def between(model: nn.Module, original: nn.Module, place: float, seen: Images) -> nn.Module:
    """The network at a place between two; the ends themselves at 0 and 1."""
    if place in (0.0, 1.0):
        return original if place else model
    mixed, other = deepcopy(model).eval(), dict(original.named_parameters())
    with torch.no_grad():
        for name, parameter in mixed.named_parameters():
            parameter.lerp_(other[name], place)
    normed = any(isinstance(m, BATCH_NORMS) and m.track_running_stats for m in mixed.modules())
    return reestimated(mixed, seen, bits=0) if normed and len(seen) else mixed
