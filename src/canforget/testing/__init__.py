"""The contracts of the families as functions: run them over a member of your own before you trust it."""

from collections.abc import Callable

from canforget.errors import ContractError
from canforget.testing.dataset import check_dataset
from canforget.testing.metrics_and_audits import check_audit, check_metric
from canforget.testing.model import check_model
from canforget.testing.probe import check_probe
from canforget.testing.quantizer import check_quantizer
from canforget.testing.scenario import check_scenario
from canforget.testing.unlearner import check_unlearner

__all__ = [
    "CHECKS", "ContractError", "check_audit", "check_dataset", "check_metric", "check_model", "check_probe", "check_quantizer", "check_scenario", "check_unlearner",
]  # fmt: skip

CHECKS: dict[str, Callable[..., None]] = {
    "datasets": check_dataset,
    "scenarios": check_scenario,
    "models": check_model,
    "unlearners": check_unlearner,
    "quantizers": check_quantizer,
    "metrics": check_metric,
    "audits": check_audit,
    "probes": check_probe,
}
"""What checks a member, by its family."""
