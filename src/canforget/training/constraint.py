"""Constraints that a wrapper puts on another method's training: masks, a penalty, other weights for the forward pass, a projection."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from canforget.errors import SpecError


@dataclass(frozen=True)
class TrainingConstraint:
    """A mask on the weights that may change, a penalty on top of every loss, other weights while a gradient is taken, a projection.

    `mask` is by parameter name (True = may change) and joins a method's own. `penalty(model)` is added to the loss of every step.
    `during(model)` is entered before the loss and left after its gradient: put other weights in the place of the model's there
    (`replaced`), and the gradient taken at those is applied to the model's own, straight through. `project(model)` moves the weights back
    into a set, in place, after every step (projected gradient descent).
    """

    mask: Mapping[str, Tensor] = field(default_factory=dict)
    penalty: Callable[[nn.Module], Tensor] | None = None
    during: Callable[[nn.Module], AbstractContextManager[None]] = lambda model: nullcontext()
    project: Callable[[nn.Module], None] = lambda model: None

    def masking(self, own: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        """The method's `own` mask and this one together; raises `SpecError` when `model` has other weights than this one was made for."""
        for name, mask in self.mask.items():
            if name not in dict(model.named_parameters()) or model.get_parameter(name).shape != mask.shape:
                raise SpecError(
                    f"constrained: '{name}' is not a parameter of the model in training, or of another shape; choose another base method"
                )
        return {**own, **{n: m & own[n].to(m.device, torch.bool) if n in own else m for n, m in self.mask.items()}}

    def loss(self, own: Tensor, model: nn.Module) -> Tensor:
        """The method's `own` loss and the penalty."""
        return own if self.penalty is None else own + self.penalty(model)


_constraint: ContextVar[TrainingConstraint | None] = ContextVar("constraint", default=None)


@contextmanager
def constrained(constraint: TrainingConstraint) -> Iterator[None]:
    """Gives every training inside the block this constraint.

    >>> with constrained(TrainingConstraint(mask={"a": torch.tensor([True])})):
    ...     list(current_constraint().mask)
    ['a']
    """
    token = _constraint.set(constraint)
    try:
        yield
    finally:
        _constraint.reset(token)


def current_constraint() -> TrainingConstraint:
    """The constraint on trainings here: none, unless a wrapper set one."""
    return _constraint.get() or TrainingConstraint()
