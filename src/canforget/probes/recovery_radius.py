"""Recovery radius: how small a change of its pixels brings the label of a forgotten image back?"""

from torch import Generator, Tensor, nn

from canforget.data.images import Images, Split
from canforget.evaluation.probe_results import ProbeResult
from canforget.hyperparameters import Count, Part, Sample, Searches
from canforget.probing.asked_images import forgotten_and_unseen, trace_over
from canforget.probing.copies import differentiable_copy
from canforget.probing.pixel_attack import radii
from canforget.registry import component


@component(paper="Croce and Hein 2020, https://arxiv.org/abs/2003.01690", version=1, reading="regressed_radius")
def recovery_radius(
    model: nn.Module, split: Split, *, rng: Generator, images: Sample = 64, most: Part = 0.125, steps: Count = 20, searches: Searches = 6
) -> ProbeResult:
    """The least change of any pixel that makes the model say the label again, as a fraction of the pixel range, for at most `images` images.

    Of forgotten images and of as many unseen ones of their classes. 0 where the label is said anyway, `most` where no change up to that
    was found (censored; where that is half of the images, the median is named as the bound that it is). Compare `nearness` (`regressed_radius` in evaluation/probe_readings.py) with that of retrained models: a plain
    quotient of radii is confounded by how fragile a model is.

    Guarantees: an upper bound of the true radius, from APGD on the margin and a binary search, right to most / 2^searches beyond that.
    A quantized model is attacked through its own rounding, with gradients that pass straight through. Limits: a model that an engine runs gives none.

    Cost: 2 x images x (searches + 1) x (steps + 1) images forward and backward.
    """
    attacked = differentiable_copy(model, "recovery radius")
    found: dict[str, tuple[Tensor, int, Images]] = {}
    for kind, asked in zip(("forget", "unseen"), forgotten_and_unseen(split, images, rng), strict=True):
        found[kind] = (*radii(attacked, asked, most=most, steps=steps, searches=searches), asked)
    traces = {f"{k}.radius": trace_over([0.0], [radius.double().cpu().numpy()], asked) for k, (radius, _, asked) in found.items()}
    return ProbeResult(traces, {"cost": {"attacked_images": sum(passed for _, passed, _ in found.values())}})
