"""The words of verdicts, values, unlearners and formats, as a person says them."""

import re
from collections.abc import Sequence

from canforget.report.record import Choice
from canforget.report.verdict import CONSISTENT, INCONCLUSIVE, OVER_FORGOTTEN, POWERLESS, RESIDUAL, UTILITY_LOST

MEANING: dict[str, str] = {
    CONSISTENT: "is like retraining",
    POWERLESS: "had nothing to forget that these tests can see",
    INCONCLUSIVE: "cannot be judged from these records",
    OVER_FORGOTTEN: "knows the forget set less than models that never saw it",
    RESIDUAL: "still remembers more than retrained models do",
    UTILITY_LOST: "lost its use, so whether it forgot is not asked",
}
"""What each verdict says of a model."""
MORE_MEMORY = "train the original and the retrained models longer, add seeds, or forget more images"
"""What to do where original and retrained models cannot be told apart, so that there is nothing to ask of an unlearner."""

VALUE_WORDS = {
    "test.accuracy": "accuracy on the test set",
    "forget.accuracy": "accuracy on the forget set",
    "retain.accuracy": "accuracy on the retain set",
    "test_forget.accuracy": "accuracy on unseen images of the forgotten classes",
    "test_retain.accuracy": "accuracy on unseen images of the retained classes",
    "membership.phi": "matched membership inference",
    "calibrated_membership.auc": "calibrated membership inference",
    "legacy_membership.auc": "the confounded membership attack",
    "nearest_prototype.accuracy_20_shots": "20-shot prototypes of the features",
    "ridge_probe.accuracy_50_shots": "a 50-shot probe of the features",
    "average_gap": "mean distance from the retrained models",
}
"""The names of values in words."""


def with_names_spoken(text: str) -> str:
    """A sentence of a record with the names of values put into words.

    >>> with_names_spoken("0.84 of the memory is left (at most 2.53) by membership.phi")
    '0.84 of the memory is left (at most 2.53) by matched membership inference'
    """
    return NAMES.sub(lambda found: VALUE_WORDS[found[0]], text)


NAMES = re.compile("|".join(rf"(?<![\w.]){re.escape(name)}\b" for name in sorted(VALUE_WORDS, key=len, reverse=True)))


def unlearner_name(choice: Choice) -> str:
    """An unlearner as a person says it: its label, references by what they are.

    >>> unlearner_name(Choice("retrain", "retrain", {})), unlearner_name(Choice("scrub:fit.lr=0.1", "scrub", {}))
    ('retrained', 'scrub:fit.lr=0.1')
    """
    return {"retrain": "retrained", "nothing": "original"}.get(choice.label, choice.label)


def format_name(choice: Choice) -> str:
    """A format as a person says it: float32 for none, int4 for four bits, and what else differs.

    >>> [format_name(Choice(label, "", {})) for label in ("none", "int:bits=4", "int:bits=4,rounding=gptq", "float8")]
    ['float32', 'int4', 'int4, rounding=gptq', 'float8']
    """
    name, _, given = choice.label.partition(":")
    if name == "none":
        return "float32"
    parts = given.split(",") if given else []
    bits = next((p.partition("=")[2] for p in parts if p.startswith("bits=")), "")
    return ", ".join([f"{name}{bits}", *(p for p in parts if not p.startswith("bits="))])


def enumerated(words: Sequence[str]) -> str:
    """Words with commas and a last "and".

    >>> enumerated(["a", "b", "c"])
    'a, b and c'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "nothing"


def plural(number: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "case"), plural(2, "unlearned model and format")
    ('1 case', '2 unlearned models and formats')
    """
    return f"{number} {noun if number == 1 else ' '.join(f'{w}s' if w in ('case', 'model', 'format') else w for w in noun.split())}"
