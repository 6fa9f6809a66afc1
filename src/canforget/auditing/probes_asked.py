"""What live models hold beyond their answers: the probes of the standard, asked of every model alike."""

from collections.abc import Mapping, Sequence

from torch import nn

from canforget.auditing import standard
from canforget.data.images import Split
from canforget.deployment.inductor import simulation
from canforget.evaluation.evaluate import Plain
from canforget.evaluation.probe_readings import named_probe_values
from canforget.evaluation.probe_results import ProbeEvidence, ProbeResult
from canforget.probing.ask import asked
from canforget.progress import listening
from canforget.quantization.quantized import DeployedClassifier
from canforget.rng import generator
from canforget.spec import Call, parse

Probed = Mapping[str, tuple[Call, ProbeResult]]
"""What each probe found in one model; nothing in what an engine runs."""


def probe_calls(split: Split) -> list[Call]:
    """The probes of the standard; relearning is taught what the size of the forget set allows."""
    taught = next((k for k in standard.TAUGHT if 2 * k <= len(split.forget)), standard.TAUGHT[-1])
    return [parse("probes", f"{standard.RELEARNING},counts={taught}"), parse("probes", standard.RADIUS)]


def probes_of_model(model: nn.Module, split: Split) -> Probed:
    """What the probes find in a model; the same images and the same chance for all."""
    live = simulation(model)
    if isinstance(live, DeployedClassifier):
        return {}
    with listening(lambda fraction: None):  # an audit tells how many models are done, not how far a probe has come
        return {c.name: (c, asked(c, live, split, rng=generator(f"{standard.STREAM}/{c.name}"))) for c in probe_calls(split)}


def probe_sheet(own: Probed, retrained: Sequence[Probed]) -> dict[str, Plain]:
    """The values of one model's probes, as a sheet holds them; of relearning, whatever number of images was taught."""
    found: dict[str, Plain] = {}
    for name, (call, result) in own.items():
        beside = tuple(other[name][1] for other in retrained if name in other)
        for value, plain in named_probe_values(name, call, ProbeEvidence(result, None, beside)).items():
            found[without_count(value, call)] = plain
    return found


def without_count(name: str, call: Call) -> str:
    """The name of a value of relearning without the number of images taught.

    >>> without_count("relearning.blank_head_20.margin_at_20", parse("probes", "relearning:counts=20"))
    'relearning.blank_head.margin_at_20'
    """
    counts = dict(call.parameters).get("counts", ())
    return name.replace(f"_{counts[0]}.", ".", 1) if len(counts) == 1 else name
