"""Masked small gradients."""

import torch
from torch.nn.functional import cross_entropy

from canforget.data.images import Split
from canforget.network.build import fresh
from canforget.network.classifier import Classifier
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.unlearners.msg import msg


def test_the_least_responsible_kernels_are_drawn_anew(small_model: Classifier, digits_split: Split) -> None:
    """PlanBuilder the largest gradients anew, or a share of every layer, is another method."""
    forget, retain = digits_split.forget, digits_split.retain[: len(digits_split.forget)]
    fit = Fit(epochs=1, lr=1e-12, momentum=0.0, batch_size=1000)
    unlearned = msg(small_model, forget, retain, rng=generator("m"), fit=fit, redrawn=0.25)
    drawn = fresh(small_model, generator("m"))
    kernels = ["net.0.weight", "net.3.weight"]
    gradients = []
    for part in (forget, retain):
        loss = cross_entropy(small_model(part.x), part.y)
        gradients.append(torch.autograd.grad(loss, [small_model.get_parameter(n) for n in kernels]))
    apart = torch.cat([(a - b).abs().flatten() for a, b in zip(*gradients, strict=True)])
    threshold = apart.sort().values[round(0.25 * len(apart))]
    for name, a, b in zip(kernels, *gradients, strict=True):
        mask = (a - b).abs() < threshold * 0.999
        new, old = unlearned.get_parameter(name), small_model.get_parameter(name)
        torch.testing.assert_close(new[mask], drawn.get_parameter(name)[mask])
        over = (a - b).abs() > threshold * 1.001
        torch.testing.assert_close(new[over], old[over])


def test_kept_kernels_move_ten_times_more_slowly(small_model: Classifier, digits_split: Split) -> None:
    """Without the slowdown the finetuning washes out what was kept."""
    models = []
    for slowdown in (1.0, 0.1):
        fit = Fit(epochs=1, lr=0.01, momentum=0.0, batch_size=1000, precision="float32")
        models.append(
            msg(small_model, digits_split.forget, digits_split.retain, rng=generator("m"), fit=fit, redrawn=0.0, slowdown=slowdown)
        )
    fast, slow = ((m.get_parameter("net.3.weight") - small_model.get_parameter("net.3.weight")).norm() for m in models)
    assert abs(fast / slow - 10) < 0.1
