"""Wrapping: a base method, named and set as in a study, trained under the constraint that a wrapper gives it."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.hyperparameters import BaseMethod, Member, mark_of
from canforget.spec import Call, nested_call
from canforget.training.constraint import TrainingConstraint, constrained


def base_call(wrapper: str, base: object) -> Call:
    """Returns the call that a wrapper's `base` means: a name, a line such as "npo:fit.epochs=2", a table, or a call.

    Raises:
        SpecError: no such method, a hyperparameter that it does not have, or a method that does not train on from the original's weights.
    """
    return nested_call(mark_of(BaseMethod, Member), base, f"{wrapper}.base")


def run_base(base: Call, constraint: TrainingConstraint, model: nn.Module, forget: Images, retain: Images, *, rng: Generator) -> nn.Module:
    """Returns what the method `base` makes of `model`, at its own settings, when all its training happens in `constraint`."""
    with constrained(constraint):
        unlearned: nn.Module = base.component.load()(model, forget, retain, rng=rng, **base.arguments())
    return unlearned
