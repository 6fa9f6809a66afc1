"""Harm per class: which of the classes that were kept lost accuracy through unlearning?"""

import numpy

from canforget.evaluation.calibrated import harm_per_class
from canforget.evaluation.evidence import Audit, Evidence, Value, references_of, view_of
from canforget.evaluation.statistics import holm
from canforget.hyperparameters import View
from canforget.registry import component


@component(version=1, needs=("retrained",))
def class_harm(evidence: Evidence, *, rng: numpy.random.Generator, view: View = "test_retain") -> Audit:
    """Accuracy of at least three retrained models less the subject's on each class `c` of `view`, in [-1, 1], above 0 where it was harmed.

    The interval of `class_3` is the band of one more retrained model, never narrower than its images allow; `worst` is that of the class
    harmed most, `harmed` how many classes are beyond chance (p under .05, one-sided, Holm over classes).

    Limits: classes of few images have wide bands, and with three retrained models little short of a collapse is beyond chance.
    """
    own, others = view_of(evidence.subject, view), [view_of(g, view) for g in references_of(evidence)]
    order = numpy.argsort(own.ids, kind="stable")
    rows = [g.correct[numpy.argsort(g.ids, kind="stable")] for g in others]
    found = harm_per_class(own.correct[order], rows, own.labels[order])
    counts = {c: int((own.labels == c).sum()) for c in found}
    values = {f"class_{c}": Value(h.estimate, h.interval(), counts[c]) for c, h in found.items()}
    worst = max(found, key=lambda c: found[c].estimate)
    harmed = int((holm([h.p("above") for h in found.values()]) < 0.05).sum())
    return Audit({"worst": values[f"class_{worst}"], "harmed": Value(harmed, n=len(found)), **values})
