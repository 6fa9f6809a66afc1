"""The standard audit of a model at hand: formats in turn, models predicted once, then answers, flags and the account of it all."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import torch
from torch import nn

from canforget import __version__, pipeline
from canforget.auditing import standard
from canforget.auditing.account import AuditAccount, AuditAnswer, Change
from canforget.auditing.audited_records import records_of
from canforget.auditing.flags import flags_of
from canforget.auditing.judge import judged_formats
from canforget.auditing.measure import Bench, FormatSheets, format_sheets
from canforget.auditing.probes_asked import probes_of_model
from canforget.auditing.questions_asked import known, value
from canforget.data.images import Split, together
from canforget.evaluation.evidence import Views
from canforget.evaluation.moderated import one_against_band
from canforget.network.compatibility import require_fits
from canforget.network.predict import predict
from canforget.progress import advance
from canforget.quantization.quantized import DeployedClassifier, QuantizedClassifier, require_float
from canforget.report import verdict as rules
from canforget.report.room_versions import rooms_told

QUESTIONS_OF_CHANGE = ("answers", "membership", "prototype")
HASHED_IMAGES = 512
"""So many are in memory at a time while images are hashed."""


def audit(
    unlearned: nn.Module,
    split: Split,
    *,
    original: nn.Module | None = None,
    retrained: Sequence[nn.Module] = (),
    quantized: Mapping[str, nn.Module] | None = None,
    name: str = "unlearned",
    data: Mapping[str, str] | None = None,
) -> AuditAccount:
    """Returns the account of the standard audit (version 1) of `unlearned`: in float32, int8, int4 and float8, and of what is deployed.

    There is nothing to tune. Every question is answered beside `retrained` models quantized alike (three make a null band); without them,
    only what coins decide can be. `print(account.text())` says it in words, `account.to_json()` is the record.

    Args:
        original: The model before unlearning: without it nothing is known of what there was to lose.
        quantized: Models as they are deployed, by name: of `unlearned`, quantized by whatever made them.
        name: What the account calls the model.
        data: What else is to be said of the images, such as the data set's name.

    Raises:
        SpecError: `unlearned` is quantized already; pass the float model, and the quantized one as `quantized`.
    """
    return audit_on(Bench(split, original, retrained), unlearned, quantized or {}, name, data or {})


def audit_on(bench: Bench, unlearned: nn.Module, quantized: Mapping[str, nn.Module], name: str, data: Mapping[str, str]) -> AuditAccount:
    """The account of one model beside those of a bench, which are predicted once for all models audited on it."""
    started = time.perf_counter()
    require_float(unlearned, "audit")
    for model in (unlearned, *filter(None, [bench.original]), *bench.retrained, *quantized.values()):
        require_fits(model, bench.split)
    total, seen = max(1, cost(bench, quantized)), [0]

    def told(models: int) -> None:
        seen[0] += models
        advance(min(1.0, seen[0] / total))

    bench.told = told
    return account_of(measured_formats(bench, unlearned, quantized), bench, name, dict(data), time.perf_counter() - started)


def cost(bench: Bench, quantized: Mapping[str, nn.Module]) -> int:
    """How many times a model is asked about all images; what the bench knows already is not asked again."""
    others = len(bench.retrained) + (bench.original is not None)
    labels = {*standard.FORMATS.values(), *(format_label(m) or pipeline.FLOAT for m in quantized.values())} - bench.known.keys()
    return len(labels) * others + len(standard.FORMATS) + len(quantized)


@dataclass(frozen=True)
class Cost:
    """What an audit will take: predictions of single images, and seconds by a trial of the model itself."""

    predictions: int
    seconds: float


def expected_cost(bench: Bench, unlearned: nn.Module, quantized: Mapping[str, nn.Module]) -> Cost:
    """What an audit of these models will take, from the time that some images take in float32 and in int8."""
    require_float(unlearned, "audit")
    split = bench.split
    some = split.retain[: min(len(split.retain), 256)]
    seconds = []
    for model in (unlearned, pipeline.quantize(unlearned, split, "int:bits=8")):
        predict(model, some[:8])
        begun = time.perf_counter()
        predict(model, some)
        middle = time.perf_counter()
        probes_of_model(model, split)
        seconds.append((middle - begun) / len(some) * bench.images + time.perf_counter() - middle)
    times = cost(bench, quantized)
    plain = 1 + (len(bench.retrained) + (bench.original is not None)) * (pipeline.FLOAT not in bench.known)
    return Cost(times * bench.images, plain * seconds[0] + (times - plain) * seconds[1])


def format_label(model: nn.Module) -> str:
    """The call that quantized a deployed model, as it says itself; "" where it does not say."""
    return model.format if isinstance(model, QuantizedClassifier | DeployedClassifier) else pipeline.FLOAT


def measured_formats(bench: Bench, unlearned: nn.Module, quantized: Mapping[str, nn.Module]) -> list[FormatSheets]:
    """The sheets of every format, float32 first; a deployed model is judged beside models in its format."""
    before: Views | None = None
    every = []
    for format, label in standard.FORMATS.items():
        model = unlearned if label == pipeline.FLOAT else pipeline.quantize(unlearned, bench.split, label)
        every.append(format_sheets(bench, format, model, label, before))
        before = before or every[0].evidence.subject
    every += [format_sheets(bench, name, model, format_label(model), before) for name, model in quantized.items()]
    return every


def account_of(every: Sequence[FormatSheets], bench: Bench, name: str, data: dict[str, str], seconds: float) -> AuditAccount:
    """What all formats together say."""
    split, classes = bench.split, bool(bench.split.forgotten_classes)
    answers, verdicts = judged_formats(every, split.coins, classes)
    word = rules.weakest(v.word for v in verdicts)
    worst = next(v for v in verdicts if v.word == word)
    counts = {view: len(getattr(split, view)) for view in ("forget", "retain", "test", "held_out", "val", "calibration")}
    epsilon = every[0].subject.get("coin_flips.epsilon_lower_bound", {}).get("value")
    return AuditAccount(
        subject=name,
        word=word,
        reason=f"in {worst.format}: {worst.reason}",
        design="coins" if split.coins else "classes" if classes else "images",
        counts=counts | {"judged retain": len(bench.judged_retain)},
        formats=tuple(verdicts),
        answers=tuple(answers),
        changes=tuple(changes(every, classes)),
        flags=flags_of(every, answers, verdicts),
        unanswered=unanswered(answers),
        epsilon=epsilon,
        whole=not any(a.not_run for a in answers),
        standard={"name": standard.NAME, "version": standard.VERSION, "digest": standard.standard_digest()},
        models={"original": int(bench.original is not None), "retrained": len(bench.retrained), "deployed": len(every) - len(standard.FORMATS)},
        data=data | {"images_sha256": images_hash(split)},
        calibration=calibration_apart(split),
        evidence={s.format: evidence_hash(s) for s in every},
        versions={"canforget": __version__, "torch": torch.__version__, "numpy": numpy.__version__, "rooms": rooms_told()},
        seconds=round(seconds, 1),
        records=records_of(every, verdicts, name, data | {"counts": counts, "classes": list(split.classes)}),
    )  # fmt: skip


def unanswered(answers: Sequence[AuditAnswer]) -> tuple[str, ...]:
    """The questions that were asked and could not be answered, once each, with the reason."""
    return tuple(dict.fromkeys(f"{a.question}: {a.not_run}" for a in answers if a.not_run))


def changes(every: Sequence[FormatSheets], classes: bool) -> list[Change]:
    """What rounding changed beyond what it changed in retrained models, value by value; none without a null band."""
    plain, found = every[0], []
    asked = [q for q in standard.QUESTIONS if q.name in QUESTIONS_OF_CHANGE and (classes or q.scope == "always")]
    if len(plain.retrained) < standard.FEWEST_RETRAINED:
        return []
    for sheets in every[1:]:
        for question in asked:
            name = next((n for n in question.values if known(sheets.subject, n) and known(plain.subject, n)), None)
            if name is None or not all(known(s, name) for s in (*sheets.retrained, *plain.retrained)):
                continue
            moved = value(sheets.subject, name) - value(plain.subject, name)
            others = [value(a, name) - value(b, name) for a, b in zip(sheets.retrained, plain.retrained, strict=True)]
            contrast = one_against_band(moved, others)
            found.append(Change(question.name, sheets.format, contrast.estimate, contrast.interval()))
    return found


def evidence_hash(sheets: FormatSheets) -> str:
    """SHA-256 of all predictions that a format was judged by: the subject's, the original's, the retrained models'."""
    digest = hashlib.sha256()
    models = [sheets.evidence.subject, *filter(None, [sheets.evidence.original]), *sheets.evidence.retrained]
    for place, views in enumerate(models):
        for name in sorted(views):
            digest.update(f"{place}/{name}/{views[name].logits.shape}".encode() + little_endian(views[name].logits))
    return digest.hexdigest()


def images_hash(split: Split) -> str:
    """SHA-256 of all images of a split in the order of their ids, with labels: what data it was, and nothing of who was to be forgotten."""
    every = together(split.forget, split.retain, split.val, split.held_out, split.test)
    ordered = every[torch.argsort(every.ids)]
    digest = hashlib.sha256()
    for tensor in (ordered.ids, ordered.y, *(ordered.x[i : i + HASHED_IMAGES] for i in range(0, len(ordered), HASHED_IMAGES))):
        digest.update(little_endian(tensor.cpu().numpy()))
    return digest.hexdigest()


def little_endian(array: numpy.ndarray) -> bytes:
    """The bytes of an array, whatever the machine's byte order."""
    return numpy.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()


def calibration_apart(split: Split) -> dict[str, int]:
    """Evidence that quantizers were calibrated on nothing that was forgotten."""
    shared = numpy.intersect1d(split.calibration.ids.cpu().numpy(), split.forget.ids.cpu().numpy())
    return {"images": len(split.calibration), "shared with the forget set": len(shared)}
