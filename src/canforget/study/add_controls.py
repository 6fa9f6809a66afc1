"""The controls of a study: models of known answer that run by the same code path, and what judges them."""

from dataclasses import replace

from canforget.evaluation.evaluate import FEATURE_AUDITS
from canforget.spec import Call, format_refusal, parse
from canforget.study.definition import Study
from canforget.study.planned_steps import SplitContext

CONTROLS = ("leaky_retrain", "destroyed", "relabelled", "head_mask", "head_distillation")
"""Controls that are asked about before rounding; `within_rounding_cells` is asked about at the format in whose cells it stays."""
FEATURE_METRIC = "linear_cka:view=forget"
"""How alike the original's the features are: what sees a head taught to answer like retraining where no class is forgotten."""


def with_controls(study: Study) -> Study:
    """The study with what its controls are judged by, if it asks for them: full precision, features and the audits of them."""
    if not study.controls:
        return study
    formats = study.quantizers if any(q.name == "none" for q in study.quantizers) else (parse("quantizers", "none"), *study.quantizers)
    audits = [parse("audits", name) for name in FEATURE_AUDITS if name not in {a.name for a in study.audits}]
    metric = parse("metrics", FEATURE_METRIC)
    metrics = study.metrics if metric in study.metrics else (*study.metrics, metric)
    return replace(study, quantizers=formats, audits=(*study.audits, *audits), metrics=metrics, features=True)


def pairs_of(study: Study, ground: SplitContext) -> list[tuple[Call, Call]]:
    """Which unlearners are asked about in which formats: all in all, and the controls that can act here where they have an answer."""
    pairs = [(unlearner, quantizer) for unlearner in study.unlearners for quantizer in study.quantizers]
    if not study.controls:
        return pairs
    return pairs + [(u, q) for u, q in control_pairs(study) if u not in study.unlearners and not refusal(u, ground)]


def control_pairs(study: Study) -> list[tuple[Call, Call]]:
    """Every control with every format in which its answer is known."""
    plain = [q for q in study.quantizers if q.name == "none"]
    pairs = [(parse("unlearners", name), q) for name in CONTROLS for q in plain]
    code_flips = parse("probes", "code_flips")
    for quantizer in study.quantizers:
        if quantizer.name == "int" and quantizer["granularity"] == "per_channel" and not format_refusal(code_flips, quantizer):
            within = parse("unlearners", f"within_rounding_cells:bits={quantizer['bits']}")
            pairs += [(within, q) for q in (*plain, quantizer)]
    return list(dict.fromkeys(pairs))


def refusal(unlearner: Call, ground: SplitContext) -> str:
    """Why an unlearner cannot act here, or nothing."""
    if unlearner.component.traits.get("whole_class_only") and not ground.ids.forgotten_classes:
        return f"{unlearner.name} forgets whole classes only, and {ground.scenario.label} leaves images of every class"
    return ""
