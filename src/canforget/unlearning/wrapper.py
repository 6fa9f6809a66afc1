"""Wrapping: a base method by name, trained with a given fit, under the constraint that a wrapper gives it."""

from torch import Generator, nn

from canforget.data.images import Images
from canforget.errors import SpecError
from canforget.registry import find
from canforget.training.constraint import TrainingConstraint, constrained
from canforget.training.loop import Fit


def run_base(
    wrapper: str, base: str, constraint: TrainingConstraint, model: nn.Module, forget: Images, retain: Images, *, rng: Generator, fit: Fit
) -> nn.Module:
    """Returns what the unlearner `base` makes of `model` when all its training happens in `constraint`.

    Raises:
        SpecError: `base` is not a method that trains on from the original's weights.
    """
    member = find("unlearners", base)
    barred = [trait for trait in ("wraps", "fresh", "rebuilds") if member.traits.get(trait)]
    if barred or "fit" not in {p.name for p in member.parameters}:
        raise SpecError(
            f"{wrapper}: '{base}' does not train on from the original's weights; choose a base such as neggrad_plus, npo or scrub"
        )
    with constrained(constraint):
        unlearned: nn.Module = member.load()(model, forget, retain, rng=rng, fit=fit)
    return unlearned
