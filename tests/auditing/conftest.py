"""Predictions of models of known answer, made without training: what an audit must say of them is known."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from canforget.auditing.account import AuditAccount
from canforget.auditing.judge import judged_formats
from canforget.auditing.measure import FormatSheets, Sheet, sheet_of, versions_told
from canforget.evaluation.evidence import Evidence, NotRun, Predictions, Views, attempt
from canforget.evaluation.membership_scores import log_odds

CLASSES, WIDTH = 4, 6
SIZES = {"forget": 60, "retain": 400, "test_forget": 80, "test_retain": 200, "val": 20}


SHEETS: dict[Any, tuple[Sheet, Any, Any, Any]] = {}
"""The sheets made so far, with what their keys name by identity."""


def model_views(seed: int, *, memory: float = 0.0, skill: float = 6.0, features: float = 0.3, class_forgotten: bool = True) -> Views:
    """A model's predictions: `memory` lifts the log-odds of the forget set, `skill` those of what it knows, `features` the class's direction."""
    rng, views = numpy.random.default_rng(seed), {}
    start = 0
    for name, count in SIZES.items():
        hard = numpy.random.default_rng(start).normal(size=count)
        forgotten = name in ("forget", "test_forget") and class_forgotten
        labels = numpy.zeros(count, int) if forgotten else numpy.arange(count) % (CLASSES - 1) + 1
        z = rng.normal(size=(count, CLASSES)) * 0.5
        known = memory if name == "forget" else 0.0
        z[numpy.arange(count), labels] += hard + known + (skill if not forgotten else skill * (memory > 0) - 3.0 * (memory == 0))
        f = rng.normal(size=(count, WIDTH)) * 0.5
        f[numpy.arange(count), labels] += features if forgotten else 2.0
        views[name] = Predictions(z.astype("float32"), labels.astype("int64"), numpy.arange(start, start + count), f.astype("float16"))
        start += count
    test = [views["test_forget"], views["test_retain"]]
    joined = [numpy.concatenate([getattr(t, part) for t in test]) for part in ("logits", "labels", "ids", "features")]
    return {**views, "test": Predictions(*joined)}


def relearned(views: Views) -> dict[str, Any]:
    """What probes would have said of such a model: as near to the forget set as its margins, or its features, are."""
    features = numpy.asarray(views["forget"].features, dtype=float)[:, 0].mean()
    margins = log_odds(views["forget"])
    near = float(numpy.where(numpy.isfinite(margins), margins, -20.0).mean())
    found = {
        "relearning.with_retain.margin_at_20": near,
        "relearning.blank_head.margin_at_20": features,
        "recovery_radius.nearness": near / 100,
    }
    return {name: {"value": v, "interval": [v - abs(v) / 5, v + abs(v) / 5], "n": 60} for name, v in found.items()}


def sheets_for(
    subject: Views,
    retrained: list[Views],
    original: Views | None,
    *,
    format: str = "float32",
    label: str = "none",
    engine: str = "",
    **more: Any,
) -> FormatSheets:
    """What is measured of a subject beside others in one format."""

    def evidence(views: Views) -> Evidence:
        return Evidence(views, original, tuple(retrained), **({"forgotten_classes": (0,)} | more))

    def sheet(views: Views) -> Sheet:
        key = (id(views), id(original), *map(id, retrained), *more.items())
        if key not in SHEETS:
            found = {**sheet_of(evidence(views), ("coin_flips:draws=999",)), **relearned(views)}
            SHEETS[key] = (found, views, original, retrained)
        return SHEETS[key][0]

    both = attempt(versions_told, original, subject, retrained)
    first = None if original is None else sheet(original)
    own, others = sheet(subject), tuple(map(sheet, retrained))
    rounding = NotRun("not rounded") if label == "none" else both
    return FormatSheets(format, label, engine, own, first, others, both, rounding, evidence(subject))


@pytest.fixture(scope="session")
def make_views() -> Callable[..., Views]:
    return model_views


@pytest.fixture(scope="session")
def make_sheets() -> Callable[..., FormatSheets]:
    return sheets_for


@pytest.fixture(scope="session")
def others() -> tuple[list[Views], Views]:
    """Six retrained models, and the original."""
    return [model_views(10 + g) for g in range(6)], model_views(1, memory=2.0, features=2.0)


@pytest.fixture(scope="session")
def make_account() -> Callable[..., AuditAccount]:
    """The account of sheets, with conditions that do not matter here."""
    from canforget.auditing import flags, run, standard
    from canforget.auditing.audited_records import records_of
    from canforget.report import verdict as rules

    def made(
        *every: FormatSheets, coins: bool = False, classes: bool = True, name: str = "u.safetensors", with_records: bool = False
    ) -> AuditAccount:
        answers, verdicts = judged_formats(every, coins, classes)
        word = rules.weakest(v.word for v in verdicts)
        worst = next(v for v in verdicts if v.word == word)
        told = {
            "dataset": "image_folder:folder=/home/secret",
            "scenario": "whole_class:classes=0",
            "model": "tiny_cnn",
            "classes": list("abcd"),
        }
        return AuditAccount(
            subject=name, word=word, reason=f"in {worst.format}: {worst.reason}", design="coins" if coins else "classes",
            counts={"forget": 60, "retain": 400}, formats=tuple(verdicts), answers=tuple(answers), changes=(),
            flags=flags.flags_of(every, answers, verdicts), unanswered=run.unanswered(answers),
            epsilon=every[0].subject.get("coin_flips.epsilon_lower_bound", {}).get("value"), whole=not any(a.not_run for a in answers),
            standard={"name": standard.NAME, "version": 1, "digest": "0" * 64}, models={"original": 1, "retrained": len(every[0].retrained)},
            data={"images_sha256": "1" * 64, "dataset": "image_folder:folder=/home/secret"},
            calibration={"images": 64, "shared with the forget set": 0}, evidence={"float32": "2" * 64}, versions={"canforget": "0"}, seconds=1.0,
            records=records_of(every, verdicts, name, told) if with_records else (),
        )  # fmt: skip

    return made
