"""The standard audit, version 1, as data: formats, questions, gates and limits; frozen, so that figures of different papers compare."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal

from canforget.spec import canonical

NAME, VERSION = "canforget standard audit", 1
STREAM = "standard audit 1"
"""Every model in every format is judged on the same matched images and shots: one random stream for all."""
FORMATS = {"float32": "none", "int8": "int:bits=8", "int4": "int:bits=4", "float8": "float8"}
"""The formats by their short names, each with the quantizer that makes it; the retrained models are quantized alike."""
JUDGED_RETAIN = 10_000
"""Retain images that are judged at most; drawn by a stream of its own."""
FEWEST_RETRAINED = 3
"""Retrained models without which there is no null band for one model."""
RECOMMENDED_RETRAINED = 8
"""Retrained models with which honest models are usually acquitted and masked heads can be found; with fewer the audit says so."""
UTILITY = ("retain.accuracy", "test_retain.accuracy")

Kind = Literal["two-sided", "above", "exact"]
Scope = Literal["always", "classes", "coins", "rounded"]


@dataclass(frozen=True)
class Question:
    """One attack of the audit: which value of which component answers it, how it is judged, and where it is asked.

    `kind`: "two-sided" differences from retraining; "above": only what is beyond retraining counts; "exact": against chance, by coins.
    `white_box`: needs features, weights or gradients, and is not asked of what an engine runs.
    `scope`: where whole "classes" are forgotten, where "coins" were tossed, in "rounded" formats only. `values` are tried in order: a class
    may have too few images for the first.
    """

    name: str
    asks: str
    values: tuple[str, ...]
    kind: Kind = "two-sided"
    scope: Scope = "always"
    margin: float = 0.03
    white_box: bool = False
    attack: str = ""


QUESTIONS = (
    Question(
        "answers", "does it still name the forgotten images as before?", ("forget.accuracy",), margin=0.02,
        attack="accuracy on the forget set",
    ),
    Question(
        "membership", "can the forget set be told from matched unseen images?", ("calibrated_membership.auc",),
        attack="difficulty-calibrated log-odds, references in the same format",
    ),
    Question(
        "coin flips", "does it know which images were tossed in?", ("coin_flips.auc",), kind="exact", scope="coins",
        attack="permutation test of the coins by log-odds, and a lower bound of epsilon",
    ),
    Question(
        "both versions", "does the change from the original betray the forget set?", ("both_versions",), kind="above",
        attack="log-odds before less after unlearning, by one who kept the original",
    ),
    Question(
        "rounding", "does the change by rounding betray the forget set?", ("both_versions_rounding",), kind="above", scope="rounded",
        attack="log-odds before less after rounding, by one who has both",
    ),
    Question(
        "prototype", "do 20 images a class suffice to name the forgotten class?",
        ("nearest_prototype.accuracy_20_shots", "nearest_prototype.accuracy_5_shots"), scope="classes", white_box=True,
        attack="nearest class mean of the features",
    ),
    Question(
        "probe", "does a linear probe of 50 images a class name it?",
        ("ridge_probe.accuracy_50_shots", "ridge_probe.accuracy_20_shots", "ridge_probe.accuracy_5_shots"), scope="classes", white_box=True,
        attack="ridge regression on the features",
    ),
    Question(
        "relearning", "do some forgotten images bring the others back?", ("relearning.with_retain.margin_at_20",), kind="above",
        margin=0.25, white_box=True, attack="20 steps of training on forgotten and retained images, others asked about",
    ),
    Question(
        "blank head", "do they bring the others back under an empty last layer?", ("relearning.blank_head.margin_at_20",), kind="above",
        margin=0.25, white_box=True, attack="the same with the last layer set to zero",
    ),
    Question(
        "recovery radius", "is the forgotten label nearer in pixels than it should be?", ("recovery_radius.nearness",), kind="above",
        margin=0.01, white_box=True, attack="least change of pixels by gradients, regressed on that of unseen images",
    ),
)  # fmt: skip
METRICS = tuple(f"accuracy:view={view}" for view in ("forget", "retain", "test_forget", "test_retain", "test"))
OUTPUT_AUDITS = ("calibrated_membership", "membership:signals=phi,loss,label_blind,false_alarms=0.01")
COIN_AUDITS = ("coin_flips:draws=9999",)
"""Asked of the subject; of the original only the AUC is wanted, for which a hundred draws are no worse."""
FEW_DRAWS = ("coin_flips:draws=99",)
TAUGHT = (50, 20, 10, 5, 1)
"""Forgotten images that relearning is taught: the most of these that are at most half of the forget set."""
RELEARNING = "relearning:mixes=with_retain,blank_head,steps=20,lr=0.01"
RADIUS = "recovery_radius:images=32,most=0.25,steps=10,searches=7"
FEATURE_AUDITS = ("nearest_prototype:shots=5,20", "ridge_probe:shots=5,20,50")

SATURATED = 0.05
"""Share of log-odds that are infinite or equal to another image's above which ranks say little."""
NOT_EXCHANGEABLE = 0.02
"""How far retrained models' own AUC may be from .5, if it is also significant, before unseen images are no longer taken as matched."""

THREATS = (
    "black box: logits for chosen images, labels known, in every format that was audited",
    "both versions: the same for one who kept the original model, or the model before rounding",
    "white box (not of what an engine runs): features, weights and gradients, for training further and for changing pixels",
)
LIMITS = (
    "a stronger attack than those listed may find more: what is stated is what these attacks could see",
    "images alone are audited, not what else a system keeps of them (copies, caches, logs, backups)",
    "intervals cover the images and the retrained models given, not other trainings of the audited model",
    "nothing here is a guarantee of differential privacy or of a law's requirements",
)
AISVS = {
    "12.2.1": "not addressed: whether a request reaches data sets, caches and stores is outside of a model audit",
    "12.2.2": "addressed: membership inference beside retrained models; the policy's threshold is for the reader to set against the figures",
    "12.2.3": "not addressed: no claim of a certified algorithm or of (epsilon, delta) is made; a lower bound of epsilon where coins were tossed",
}
"""OWASP AISVS 1.0 (draft), C12.2, right to be forgotten: requirement by requirement, what this audit says of it."""


def standard_digest() -> str:
    """SHA-256 of everything on this page that decides a figure or a verdict: two audits of one digest asked the same.

    >>> len(standard_digest())
    64
    """
    definition = {
        "name": NAME, "version": VERSION, "stream": STREAM, "formats": FORMATS, "judged_retain": JUDGED_RETAIN, "utility": UTILITY,
        "questions": [asdict(q) for q in QUESTIONS], "metrics": METRICS, "audits": [OUTPUT_AUDITS, COIN_AUDITS, FEATURE_AUDITS],
        "probes": [TAUGHT, RELEARNING, RADIUS],
        "flags": [SATURATED, NOT_EXCHANGEABLE, FEWEST_RETRAINED],
    }  # fmt: skip
    return hashlib.sha256(canonical(definition).encode()).hexdigest()
