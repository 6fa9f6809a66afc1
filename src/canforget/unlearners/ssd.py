"""SSD: dampen, in closed form, the weights that matter far more to the forget set than to everything."""

from typing import Literal

from torch import Generator, nn

from canforget.data.images import Images
from canforget.hyperparameters import Count, NonNegative, Positive
from canforget.registry import component
from canforget.unlearning.importance import dampened, importance
from canforget.unlearning.requirements import require_images


@component(paper="Foster et al. 2024, https://arxiv.org/abs/2308.07707", version=1)
def ssd(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    alpha: Positive = 10.0,
    dampening: NonNegative = 1.0,
    reference: Literal["all", "retain"] = "all",
    per_sample: bool = True,
    batch_size: Count = 64,
) -> nn.Module:
    """Returns a copy of `model` whose weights with I_forget > `alpha` * I are multiplied by min(1, `dampening` * I / I_forget).

    I_forget and I are diagonal Fisher informations in eval mode, on `forget` and on the `reference`: forget and retain set together,
    or the retain set. Against "all" I_forget / I cannot exceed n / n_forget: for one class of ten choose `alpha` well below 10.

    Raises:
        DataError: no weight stands out so far; lower `alpha`.

    Source: equations 4 and 5. Deviation: the released code squares the mean gradient of a batch, which depends on the batch size and on
    the order of the images; that is `per_sample=False`. Cost: one pass of single gradients over everything, no training.
    """
    require_images("ssd", forget=forget, **({"retain": retain} if reference == "retain" else {}))
    share = len(forget) / (len(forget) + len(retain))
    lost = importance(model, forget, per_sample=per_sample, batch_size=batch_size, span=(0.0, share))
    kept = importance(model, retain, per_sample=per_sample, batch_size=batch_size, span=(share, 1.0))
    weight = share if reference == "all" else 0.0
    return dampened(model, lost, {n: weight * lost[n] + (1 - weight) * kept[n] for n in lost}, alpha, dampening, "ssd")
