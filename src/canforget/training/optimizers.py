"""Optimizers (SGD, Adam, AdamW, Muon) and learning rate schedules."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from canforget.errors import SpecError
from canforget.fit_settings import Fit


def optimizer_of(fit: Fit, model: nn.Module) -> Optimizer:
    """The optimizer that `fit` names, over the parameters of `model` that may change."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise SpecError("fit: every parameter of the model is frozen; nothing can be trained")
    match fit.optimizer:
        case "sgd":
            return SGD(parameters, lr=fit.lr, momentum=fit.momentum, weight_decay=fit.weight_decay, nesterov=fit.nesterov)
        case "adam":
            return Adam(parameters, lr=fit.lr, weight_decay=fit.weight_decay)
        case "adamw":
            return AdamW(parameters, lr=fit.lr, weight_decay=fit.weight_decay)
        case "muon":
            return Muon(parameters, fit.lr, fit.momentum, fit.weight_decay)
    raise SpecError(f"fit: no optimizer '{fit.optimizer}'; known: adam, adamw, muon, sgd")


def schedule(fit: Fit, done: float) -> float:
    """Returns the learning rate as a fraction of its peak when the fraction `done` of training is over.

    >>> [schedule(Fit(schedule="triangle", warmup=0.5), t) for t in (0.25, 0.5, 0.75)]
    [0.5, 1.0, 0.5]
    """
    if done < fit.warmup:
        return done / fit.warmup
    rest = (done - fit.warmup) / (1 - fit.warmup)
    match fit.schedule:
        case "triangle":
            return 1 - rest
        case "cosine":
            return (1 + math.cos(math.pi * rest)) / 2
        case "step":
            return 1.0 if rest < 0.5 else 0.1 if rest < 0.75 else 0.01
    return 1.0


class Muon(Optimizer):
    """SGD with Nesterov momentum whose step on a weight of two or more dimensions is made orthogonal: every direction moves alike.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/. A convolution's kernel counts as a matrix with a row for each
    output channel. Vectors (biases, BatchNorm) take the plain Nesterov step. Weight decay is decoupled (AdamW's) for matrices and vectors.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no loss to return: nobody here passes a closure
        """Takes one step down the gradients that are there."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.move_(parameter, group)

    def move_(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """Moves one parameter."""
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        assert parameter.grad is not None
        momentum = state["momentum_buffer"].mul_(group["momentum"]).add_(parameter.grad)
        update = parameter.grad + group["momentum"] * momentum
        if update.ndim >= 2:
            update = orthogonal(update.flatten(1)).view_as(update)
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=group["lr"])


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Returns roughly U Vᵀ of the matrix's U S Vᵀ, times sqrt(rows / columns) where that is above 1: singular values between 0.7 and 1.2.

    Five steps of the Newton-Schulz iteration with the coefficients of the source, in float32.
    """
    rows, columns = matrix.shape
    x = matrix.float().T if rows > columns else matrix.float()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    upright: Tensor = (x.T if rows > columns else x) * max(1.0, rows / columns) ** 0.5
    return upright.to(matrix.dtype)
