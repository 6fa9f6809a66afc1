"""LFSSD, label-free selective synaptic dampening: importance from the squared length of the logits."""

from torch import Generator, Tensor, nn

from canforget.data.images import Images
from canforget.hyperparameters import Count, NonNegative
from canforget.registry import component
from canforget.unlearning.importance import dampened, importance
from canforget.unlearning.requirements import require_images


@component(paper="Foster et al. 2024, https://arxiv.org/abs/2402.19308", version=2)
def lfssd(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    alpha: NonNegative = 0.0,
    dampening: NonNegative = 1.0,
    batch_size: Count = 64,
) -> nn.Module:
    """Returns a copy of `model` whose weights with I_forget > `alpha` * I are multiplied by min(1, `dampening` * I / I_forget).

    I is the mean of |∇‖logits‖²| over single images in eval mode, over `forget` and over both sets together. Labels are never used.
    `alpha` 0 chooses itself as in `ssd`. Gradients that are not squared lie closer together than those of `ssd`: where you choose
    `alpha`, choose a lower one; the ratio cannot exceed n / n_forget.

    Raises:
        DataError: no weight stands out so far; lower `alpha`.

    Source: section 3; the automatic `alpha` is that of Schoepf et al. 2024, https://arxiv.org/abs/2402.10098. Deviation: single images,
    as in the definition, where the released code takes batches.
    """
    require_images("lfssd", forget=forget)
    share = len(forget) / (len(forget) + len(retain))
    lost, kept = (
        importance(model, images, objective=squared_length, measure=Tensor.abs, batch_size=batch_size, span=span)
        for images, span in ((forget, (0.0, share)), (retain, (share, 1.0)))
    )
    general = {n: share * lost[n] + (1 - share) * kept[n] for n in lost}
    return dampened(model, lost, general, alpha, dampening, method="lfssd", forgotten=share)


def squared_length(logits: Tensor, y: Tensor) -> Tensor:
    """The squared Euclidean length of the logits, averaged over the samples."""
    return logits.float().square().sum(dim=1).mean()
