"""One measure of the models of a format: unlearned beside retrained and original ones, how far is far, and whether so few can acquit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy

from canforget.errors import DataError
from canforget.evaluation.fieller import MemoryFraction, residue_fraction
from canforget.evaluation.moderated import Contrast, ModelMean, combined, equivalence_margin, model_means, one_against_band
from canforget.evaluation.power import acquittal_power, seeds_to_acquit

FEWEST_RETRAINED = 3
"""Retrained models without which a single model cannot be judged: fewer give no band."""


@dataclass(frozen=True)
class Margins:
    """How far from retraining still counts as like it: AUC, accuracy and probe accuracy as fractions, relearning as a ratio of steps.

    Never more than a quarter of the memory that there was, in the same format (`equivalence_margin`).
    """

    auc: float = 0.03
    accuracy: float = 0.02
    probe: float = 0.03
    relearning: tuple[float, float] = (0.8, 1.25)


@dataclass(frozen=True, eq=False)
class Measurement:
    """One measure of the models of a format, a value a model (training seed); higher means remembered, or for utility kept.

    `margin` is the default one. `peers` are the values of other unlearners, whose variances over seeds are pooled with these.
    `image_error` is the standard error of one model's value over the choice of images. What is not `primary` can accuse, but by itself
    not acquit.
    """

    name: str
    unlearned: Sequence[float]
    retrained: Sequence[float]
    original: Sequence[float] = ()
    margin: float = 0.03
    peers: Sequence[Sequence[float]] = ()
    image_error: float = 0.0
    primary: bool = True

    @cached_property
    def means(self) -> tuple[ModelMean, ...]:
        """Means of unlearned, retrained and (where there are any) original models, variances moderated over all groups."""
        groups = [self.unlearned, self.retrained, *([self.original] if len(self.original) else []), *self.peers]
        return model_means(groups, self.image_error**2)

    @cached_property
    def difference(self) -> Contrast:
        """Unlearned less retrained; of a single model with the error of one more retrained one."""
        return self.against_retrained(self.unlearned, 0)

    @cached_property
    def memory(self) -> Contrast | None:
        """Original less retrained: what there was to lose; `None` without original models."""
        return self.against_retrained(self.original, 2) if len(self.original) else None

    @property
    def within(self) -> float:
        """How far from retraining still counts as like it: the margin, or a quarter of the memory if that is less."""
        return self.margin if self.memory is None else equivalence_margin(self.margin, self.memory.estimate)

    def acquittal(self) -> float:
        """The chance that as many honest models as these were placed within the margin; the subject's own values have no say in it."""
        return acquittal_power(self.deviation, self.within, len(self.unlearned), len(self.retrained))

    @property
    def deviation(self) -> float:
        """Standard deviation of retrained models over seeds."""
        return float(numpy.sqrt(self.means[1].variance * self.means[1].models))

    def seeds_needed(self, power: float) -> int | None:
        """As many models of each kind would do for an `acquittal` of at least `power`; `None` where 100 would not."""
        return seeds_to_acquit(self.deviation, self.within, power=power, most=100) if self.within > 0 else None

    def against_retrained(self, models: Sequence[float], place: int) -> Contrast:
        """Some models less the retrained ones; raises `DataError` where there are too few to know an error."""
        if len(models) == 1 and len(self.retrained) >= FEWEST_RETRAINED:
            return one_against_band(models[0], self.retrained, self.image_error)
        if min(len(models), len(self.retrained)) < 2:
            raise DataError(f"needs two seeds, or one model against {FEWEST_RETRAINED} retrained ones")
        return combined([(1, self.means[place]), (-1, self.means[1])])

    @property
    def residue(self) -> MemoryFraction:
        """The share of the memory that is left; raises `DataError` where it cannot be had."""
        if min(len(self.unlearned), len(self.retrained), len(self.original)) < 2:
            raise DataError("needs two seeds of unlearned, original and retrained models")
        unlearned, retrained, original = self.means[:3]
        return residue_fraction(unlearned, original, retrained)
