"""SSD, selective synaptic dampening: scale down weights whose Fisher information is far larger on the forget set."""

from typing import Literal

from torch import Generator, nn

from canforget.data.images import Images, together
from canforget.hyperparameters import Count, NonNegative
from canforget.registry import component
from canforget.unlearning.importance import dampened, importance
from canforget.unlearning.requirements import require_images


@component(paper="Foster et al. 2024, https://arxiv.org/abs/2308.07707", version=2)
def ssd(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    alpha: NonNegative = 0.0,
    dampening: NonNegative = 1.0,
    reference: Literal["all", "retain"] = "all",
    per_sample: bool = True,
    batch_size: Count = 64,
) -> nn.Module:
    """Returns a copy of `model` whose weights with I_forget > `alpha` * I are multiplied by min(1, `dampening` * I / I_forget).

    I_forget and I are diagonal Fisher informations in eval mode, on `forget` and on the `reference`: retain and forget set together,
    or the retain set. `alpha` 0 chooses itself: the weights of the largest I_forget / I, ln(1 + p) % of them where p % of the images are
    to be forgotten. The paper's value for ResNet-18 is 10, and is for a set of a hundredth: against "all" the ratio cannot exceed
    n / n_forget, so that nothing reaches 10 when a tenth is forgotten.

    Raises:
        DataError: no weight stands out so far; lower `alpha`.

    Source: equations 4 and 5; the automatic `alpha` is that of Schoepf et al. 2024, https://arxiv.org/abs/2402.10098. Deviation: the
    released code squares the mean gradient of a batch, with the retain batches fed before the forget batches; that depends on the batch
    size and on the order, and is `per_sample=False`. Cost: one pass of single gradients over everything, no training.
    """
    require_images("ssd", forget=forget, **({"retain": retain} if reference == "retain" else {}))
    share = len(forget) / (len(forget) + len(retain))
    lost = importance(model, forget, per_sample=per_sample, batch_size=batch_size, span=(0.0, share))
    if per_sample or reference == "retain":
        kept = importance(model, retain, per_sample=per_sample, batch_size=batch_size, span=(share, 1.0))
        weight = share if reference == "all" else 0.0
        general = {n: weight * lost[n] + (1 - weight) * kept[n] for n in lost}
    else:
        general = importance(model, together(retain, forget), per_sample=False, batch_size=batch_size, span=(share, 1.0))
    return dampened(model, lost, general, alpha, dampening, method="ssd", forgotten=share)
