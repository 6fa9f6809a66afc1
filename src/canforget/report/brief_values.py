"""The few values of one model that are read first, in words, with their intervals; the rest is counted."""

from collections.abc import Mapping
from typing import Any

from canforget.report.fit_width import broken_at_commas, fit_table

BRIEF = {
    "test_retain.accuracy": "accuracy on unseen images of retained classes",
    "test.accuracy": "accuracy on unseen images",
    "val.accuracy": "accuracy on validation images, to choose settings by",
    "retain.accuracy": "accuracy on the retain set",
    "forget.accuracy": "accuracy on the forget set",
    "test_forget.accuracy": "accuracy on unseen images of forgotten classes",
    "average_gap": "mean gap to the retrained models",
    "membership.phi": "matched AUC: forget set against unseen images of its classes (.5: not told apart)",
    "calibrated_membership.auc": "the same, calibrated by retrained models",
    "coin_flips.p": "p of the coin flips: that nothing is remembered",
}
"""What is read first, and what it is."""


def brief_table(values: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The values that are read first as lines of at most a hundred characters, and how many more there are."""
    shown = [name for name in BRIEF if name in values]
    rows = [(name, with_interval(values[name]), BRIEF[name]) for name in shown if values[name]["value"] is not None]
    found = fit_table(("value", "95 % interval", "what it is"), rows, (0, 1, 2)) if rows else []
    for name in shown:
        if values[name]["value"] is None:
            found += ["  " + part for part in broken_at_commas(f"{name}  not run: {values[name]['not_run']}", 98)]
    return [*found, f"{len(values) - len(shown)} more: --wide, or --json."]


def with_interval(value: Mapping[str, Any]) -> str:
    """A value with its interval.

    >>> with_interval({"value": 0.5, "interval": (0.4, 0.6)})
    '0.500  [0.400, 0.600]'
    """
    ends = value["interval"]
    return f"{value['value']:.3f}" + (f"  [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")
