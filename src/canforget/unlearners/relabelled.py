"""Control, relabelled: taught one wrong label for every image of the forget set, and so further from it than retraining is."""

from copy import deepcopy

from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, together
from canforget.registry import component
from canforget.training.loop import Fit, train_
from canforget.unlearning.labels import class_count, wrong_classes
from canforget.unlearning.requirements import require_images


@component(version=1, control=True)
def relabelled(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=10, batch_size=128, lr=0.02, schedule="triangle", warmup=0.2),
) -> nn.Module:
    """Returns a copy of `model` trained on `retain` and on `forget` with one wrong label an image, drawn once by `rng`.

    Its verdict must be over-forgotten: it knows the forgotten images, and answers them wrongly on purpose, which a model that has never
    seen them does not.
    """
    require_images("relabelled", forget=forget)
    unlearned = deepcopy(model)
    wrong = Images(forget.x, wrong_classes(forget.y, class_count(model, forget), rng), forget.ids)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(unlearned(x), y)

    return train_(unlearned, together(wrong, retain), rng=rng, fit=fit, loss=loss)
