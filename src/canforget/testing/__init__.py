"""The contracts of the families as functions: run them over a member of your own before you trust it."""

from canforget.errors import ContractError
from canforget.testing.metrics_and_audits import check_audit, check_metric
from canforget.testing.quantizer import check_quantizer
from canforget.testing.unlearner import check_unlearner

__all__ = ["CHECKS", "ContractError", "check_audit", "check_metric", "check_quantizer", "check_unlearner"]

CHECKS = {"audits": check_audit, "metrics": check_metric, "quantizers": check_quantizer, "unlearners": check_unlearner}
"""What checks a member, by its family."""
