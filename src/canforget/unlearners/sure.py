"""SURE: any base method at a high learning rate, restricted to the rows of largest forget-set gradient."""

from torch import Generator, Tensor, nn

from canforget.data.images import Images
from canforget.hyperparameters import BaseMethod, Share
from canforget.registry import component
from canforget.training.constraint import TrainingConstraint
from canforget.unlearning.importance import largest, mean_gradient
from canforget.unlearning.requirements import require_images
from canforget.unlearning.wrapper import base_call, run_base


@component(paper="Zhang et al. 2025, https://arxiv.org/abs/2410.16454", version=2, wraps=True)
def sure(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    base: BaseMethod = "neggrad_plus:fit.lr=0.05",
    keep: Share = 0.1,
) -> nn.Module:
    """Returns what `base` makes of `model` when only the fraction `keep` of all rows may change, all others staying bit-identical.

    A row is what belongs to one output of a parameter (one number of a bias or norm). Rows are ranked over the whole model by the
    Euclidean norm of the gradient of the forget set's cross-entropy. The default base runs at five times its own learning rate,
    so that what changes changes by more than a step of the grid; give another base a high rate too. Running statistics are not rows and follow the data.

    Source: section 5. The released mask is never applied, and covers the forget loss alone; here it holds for the whole gradient. The
    paper is about language: rates and epochs are ours.
    """
    require_images("sure", forget=forget)
    shape = TrainingConstraint(mask=salient_rows(model, forget, keep))
    return run_base(base_call("sure", base), shape, model, forget, retain, rng=rng)


def salient_rows(model: nn.Module, forget: Images, keep: float) -> dict[str, Tensor]:
    """The mask of the rows with the largest gradient norms, by parameter."""
    gradients = mean_gradient(model, forget)
    rows = largest({n: g.reshape(len(g), -1).norm(dim=1) for n, g in gradients.items()}, keep)
    return {n: rows[n].view(-1, *[1] * (g.ndim - 1)).expand_as(g).clone() for n, g in gradients.items()}
