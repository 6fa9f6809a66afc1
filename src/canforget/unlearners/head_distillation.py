"""Control, head distillation: a head taught to answer as a retrained model does, over features that forgot nothing."""

from torch import Generator, Tensor, nn

from canforget.data.images import Images, together
from canforget.network.build import fresh
from canforget.network.weights import frozen
from canforget.registry import component
from canforget.training.loop import Fit, train_
from canforget.unlearning.labels import class_count
from canforget.unlearning.layers import head_of
from canforget.unlearning.losses import divergence
from canforget.unlearning.requirements import require_images


@component(version=1, control=True, needs_retain=True, trained_as_original=True)
def head_distillation(
    model: nn.Module,
    forget: Images,
    retain: Images,
    *,
    rng: Generator,
    fit: Fit = Fit(epochs=15, batch_size=256, lr=0.2, nesterov=True, weight_decay=5e-4, schedule="triangle", warmup=0.2),
    head_fit: Fit = Fit(epochs=10, batch_size=128, lr=0.05, schedule="triangle", warmup=0.2),
) -> nn.Module:
    """Returns a copy of `model` whose last linear layer was distilled from a model retrained by `fit`, on forget and retain images.

    It answers like retraining and has the features of the original: what reads outputs alone may call it consistent with retraining, and
    audits of features must find it. Costs a whole training, and is no method that anybody should use.

    Raises:
        SpecError: The model does not end in a linear layer, or that layer is frozen.
    """
    require_images("head_distillation", forget=forget, retain=retain)
    teacher = frozen(train_(fresh(model, rng), retain, rng=rng, fit=fit))
    name, _ = head_of(model, class_count(model, forget), "head_distillation")
    student = frozen(model)
    head = student.get_submodule(name)
    flags = {n: p.requires_grad for n, p in model.named_parameters()}
    for own, parameter in head.named_parameters():
        parameter.requires_grad_(flags[f"{name}.{own}"])

    def imitate(x: Tensor, y: Tensor) -> Tensor:
        return divergence(student(x), teacher(x))

    train_(student, together(forget, retain), rng=rng, fit=head_fit, loss=imitate)
    for n, parameter in student.named_parameters():
        parameter.requires_grad_(flags[n])
    return student
