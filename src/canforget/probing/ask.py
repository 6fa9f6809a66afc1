"""A probe asked of a model: what its signature receives is given to it; what the split cannot give is a reason, not an error."""

from torch import Generator, nn

from canforget.data.images import Split
from canforget.evaluation.evidence import NotRun, attempt
from canforget.evaluation.probe_results import ProbeResult
from canforget.spec import Call


def asked(
    probe: Call, model: nn.Module, split: Split, *, rng: Generator, original: nn.Module | None = None, quantizer: Call | None = None
) -> ProbeResult:
    """What `probe` finds in `model`, in evaluation mode; `original` and `quantizer` are passed on where it takes them.

    Give every model that is to be compared a generator of the same seed: it decides which images are asked about, and all other chance.
    """
    beside = {name: value for name, value in (("original", original), ("quantizer", quantizer)) if name in probe.component.receives}
    found: ProbeResult | NotRun = attempt(probe.component.load(), model, split, rng=rng, **beside, **probe.arguments())
    return ProbeResult({}, {"refused": found.reason}) if isinstance(found, NotRun) else found
