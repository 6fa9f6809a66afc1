"""Whether the controls of a study behaved: models of known answer, and what was said of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from canforget.evaluation.evidence import NotRun, attempt
from canforget.evaluation.statistics import holm
from canforget.report.judgment import forgets_classes, measurement
from canforget.report.measurement import Margins
from canforget.report.record import Combination, Groups, Record, over_seeds
from canforget.report.recovery_over_seeds import effect_of
from canforget.report.verdict import CONSISTENT, INCONCLUSIVE, OVER_FORGOTTEN, RESIDUAL, UTILITY_LOST, finding, p_of

SAID = {"leaky_retrain": RESIDUAL, "destroyed": UTILITY_LOST, "relabelled": OVER_FORGOTTEN}
"""The verdict that a control must have before rounding."""
NOT_ACQUITTED = (RESIDUAL, OVER_FORGOTTEN, INCONCLUSIVE)
SEEN_IN_FEATURES = ("head_mask", "head_distillation")
FEATURE_TESTS = ("nearest_prototype.accuracy_20_shots", "ridge_probe.accuracy_50_shots", "forget.linear_cka")
"""What reads features, and so must find what a changed head hides."""
COMES_BACK = "within_rounding_cells"
SAME_CODES: dict[str, object] = {
    "granularity": "per_channel", "rounding": "nearest", "ranges": "minmax", "symmetric": True, "full_range": False, "first_last_bits": 0,
}  # fmt: skip
"""The one rounding that gives the codes back within whose cells weights stayed; its neighbors of as many bits do not."""
RECOVERY_MEASURES = ("margin", "accuracy", "auc")


@dataclass(frozen=True)
class ControlOutcome:
    """A control of one data set, model and scenario, what had to be said of it, and what was."""

    problem: tuple[str, str, str]
    control: str
    quantizer: str
    expected: str
    found: str
    behaved: bool

    def __str__(self) -> str:
        return f"{self.control} was called {self.found}"


def control_outcomes(records: Sequence[Record]) -> list[ControlOutcome]:
    """Of every control among the records, over all its seeds, whether it was judged as it must be; `records` hold their verdicts.

    The share that `leaky_retrain` leaves in must be found, `destroyed` has no utility, `relabelled` is over-forgotten; where whole classes
    are forgotten retraining never answers them, no answer can be further off, and `relabelled`, whose features keep about half of what
    the original's hold, must not be acquitted; features betray
    `head_mask` and `head_distillation` in some audit of them (after Holm), whatever their outputs say; and what stays
    `within_rounding_cells` comes back at that format, seen in some measure of recovery (after Holm).
    """
    groups = over_seeds(records)
    return [found for combination in groups for found in outcomes_of(combination, groups)]


def outcomes_of(combination: Combination, groups: Groups) -> Iterator[ControlOutcome]:
    """The outcome of a combination, if it is a control that has an answer in its format."""
    name, group = combination.unlearner.name, groups[combination]
    if name == COMES_BACK:
        if stays_in_all_cells(combination):
            yield outcome(combination, "recovery seen", *failed(group) or recovery_seen(combination, groups))
    elif not combination.rounded and name == "relabelled" and forgets_classes(groups, combination):
        yield outcome(combination, f"not {CONSISTENT}", *failed(group) or verdict_said(group, *NOT_ACQUITTED))
    elif not combination.rounded and name in SAID:
        yield outcome(combination, SAID[name], *failed(group) or verdict_said(group, SAID[name]))
    elif not combination.rounded and name in SEEN_IN_FEATURES:
        yield outcome(combination, "residual in features", *failed(group) or seen_in_features(combination, groups))


def outcome(combination: Combination, expected: str, found: str, behaved: bool) -> ControlOutcome:
    """An outcome with the labels of its combination."""
    labels = combination.unlearner.label, combination.quantizer.label
    return ControlOutcome(combination.problem, *labels, expected, found, behaved)


def failed(group: Sequence[Record]) -> tuple[str, bool] | None:
    """That a control was not run, if a seed was not."""
    return next(((f"not run: {r.not_run}", False) for r in group if r.not_run), None)


def stays_in_all_cells(combination: Combination) -> bool:
    """Whether a combination is rounded to the very codes in whose cells all its layers stayed."""
    own, format_ = combination.unlearner.parameters, combination.quantizer
    same = all(format_.parameters.get(name, value) == value for name, value in SAME_CODES.items())
    return format_.name == "int" and same and format_.parameters.get("bits") == own.get("bits") and own.get("share") == 1


def verdict_said(group: Sequence[Record], *expected: str) -> tuple[str, bool]:
    """The word of the verdict, with its reason where it is another."""
    verdict = group[0].verdict
    if verdict is None:
        return "nothing: no verdict", False
    if verdict.word in expected:
        return verdict.word, True
    return f"{verdict.word}: {verdict.test}: {verdict.reason}", False


def seen_in_features(combination: Combination, groups: Groups) -> tuple[str, bool]:
    """The audit of features that finds most, and whether it finds a residue."""
    made = {name: attempt(measurement, name, combination, groups, Margins()) for name in FEATURE_TESTS}
    there = [m for m in made.values() if not isinstance(m, NotRun)]
    if not there:
        return next(f"not measured: {name}: {why.reason}" for name, why in made.items() if isinstance(why, NotRun)), False
    findings = [finding(m, float(p)) for m, p in zip(there, holm([p_of(m) for m in there]), strict=True)]
    best = min(findings, key=lambda f: (f.word != RESIDUAL, f.p_adjusted))
    return f"{best.word}: {best.name}: {best.reason}", best.word == RESIDUAL


def recovery_seen(combination: Combination, groups: Groups) -> tuple[str, bool]:
    """The measure of which most came back, and whether that is more than in retrained models and than noise does, where it was asked."""
    if len(groups[combination]) < 2:
        return "inconclusive: recovery needs two seeds", False
    found = {measure: attempt(effect_of, combination, groups, measure) for measure in RECOVERY_MEASURES}
    there = {measure: effect for measure, effect in found.items() if not isinstance(effect, NotRun)}
    if not there:
        return next(f"not measured: {why.reason}" for why in found.values() if isinstance(why, NotRun)), False
    adjusted = dict(zip(there, holm([e.effect.p("above") for e in there.values()]), strict=True))
    best = min(adjusted, key=lambda m: adjusted[m])
    seen, verdict = bool(adjusted[best] <= 0.05), groups[combination][0].verdict
    gate = "; it had not forgotten before rounding" if verdict is not None and verdict.had_forgotten is False else ""
    said = f"excess rebound of the {best} {there[best].effect.estimate:+.3f}"
    return f"{'recovered' if seen else 'inconclusive'}: {said}, p {adjusted[best]:.2g}{gate}", seen


def controls_text(found: Sequence[ControlOutcome]) -> str:
    """A line for each data set, model and scenario: how many behaved, and what was said of the others; empty without controls."""
    problems = list(dict.fromkeys(o.problem for o in found))
    lines = []
    for problem in problems:
        own = [o for o in found if o.problem == problem]
        where = f" ({' · '.join(problem)})" if len(problems) > 1 else ""
        odd = [str(o) for o in own if not o.behaved]
        lines.append("; ".join([f"controls{where}: {len(own) - len(odd)} of {len(own)} behaved", *odd]))
    return "\n".join(lines)
