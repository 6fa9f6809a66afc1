"""Execution of a step: reads its inputs from the store, calls the pipeline's verb, returns one artifact to write; the only user of models and devices."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from canforget import pipeline
from canforget.data.images import Images, Split, counting_reads, images_of, together
from canforget.data.split import split_by
from canforget.deployment import model_file
from canforget.deployment.inductor import simulation
from canforget.errors import ArtifactError, DataError
from canforget.evaluation.evidence import PREDICTED, Predictions
from canforget.file_io import read_arrays, write_arrays, write_json
from canforget.fit_settings import Fit
from canforget.network.predict import predict, predict_views
from canforget.probing.ask import asked
from canforget.quantization.layer import codes
from canforget.quantization.quantized import coverage
from canforget.quantization.weight_noise import disturbed
from canforget.rng import generator
from canforget.spec import call_of, canonical, fit_of
from canforget.study.plan import retain_to_judge
from canforget.study.planned_steps import Step
from canforget.study.store import Store
from canforget.study.stored_evidence import judge_evidence
from canforget.training import checkpoint

MODEL = "model.safetensors"
NOISE_VIEWS = {"forget": "forget", "test_forget": "test_forget", "retain": "judged_retain"}
"""Views that noise is judged on and the sets that they are parts of; where coins were tossed also `held_out`, their other half."""


@dataclass(frozen=True)
class Workspace:
    """Where steps are carried out: the store, the data, and the device; nothing of it decides a result."""

    store: Store
    data_dir: Path | None = None
    device: str = "cpu"


Facts = dict[str, Any]


def perform(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """Returns what writes the step's artifact into a folder and returns facts about it for the record."""
    return VERBS[step.verb](step, place)


def make_split(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """The ids of every set of a split."""
    what = step.what
    dataset = call_of(what["dataset"])
    data = dataset.component.load()(data_dir=place.data_dir, **dataset.arguments())
    settings = {k: what[k] for k in ("seed", "val_fraction", "held_out_fraction", "calibration")}
    ids = split_by(data, call_of(what["scenario"]), **settings)
    if (data.fingerprint, ids.fingerprint) != (what["data"], what["ids"]):
        raise DataError(f"{step.label}: the images, or the file that lists what to forget, changed since this was planned; run it again")
    arrays = ids.sets | {"judged_retain": retain_to_judge(ids.retain, what["judged_retain"], what["seed"])}

    def write(folder: Path) -> Facts:
        write_arrays(folder / "split.npz", arrays)
        return {"classes": list(data.classes), "image_shape": list(data.image_shape), "fingerprint": data.fingerprint, "coins": ids.coins,
                "counts": {name: len(a) for name, a in arrays.items()}}  # fmt: skip

    return write


def make_trained(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """A model trained from fresh weights on some parts of a split."""
    what = step.what
    parts = split_in(step, place)
    images = together(*(getattr(parts, p) for p in what["parts"]))
    with counting_reads() as read:
        model = pipeline.train(
            call_of(what["model"]), images, fit=fit_of(what["fit"], Fit()), rng=generator(step.key), num_classes=parts.num_classes,
            val=parts.val, checkpoint=checkpoint_of(step, place),
        )  # fmt: skip
    return lambda folder: write_model(model, folder, step) | {"images_read": read.number}


def checkpoint_of(step: Step, place: Workspace) -> Path:
    """Where a training leaves its checkpoint; a damaged one is set aside first, and the training begins anew."""
    path = place.store.partial(step.key)
    try:
        checkpoint.read_checkpoint(path)
    except ArtifactError as problem:
        place.store.set_aside(path, f"checkpoint: {problem}")
    return path


def make_unlearned(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """The model that an unlearner makes of another."""
    what = step.what
    model, parts = model_of(what["model"], place), split_in(step, place)
    with counting_reads() as read:
        unlearned = pipeline.unlearn(model, parts, call_of(what["unlearner"]), rng=generator(step.key))
    return lambda folder: write_model(unlearned, folder, step) | {"images_read": read.number}


def make_quantized(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """A model in a format."""
    what = step.what
    quantized = pipeline.quantize(model_of(what["model"], place), split_in(step, place), call_of(what["quantizer"]))
    return lambda folder: write_model(quantized, folder, step) | {"coverage": coverage(quantized).to_json()}


def make_predictions(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """Float32 logits, labels and ids on every view; where asked for, float16 features on all views but val."""
    what = step.what
    parts = sets_in(step, place)
    views = {view: parts["judged_retain" if view == "retain" else view] for view in PREDICTED}
    found = predict_views(model_of(what["model"], place), views, features=what.get("features", False))
    arrays = {name: array for view, predicted in found.items() for name, array in arrays_of(view, predicted).items()}

    def write(folder: Path) -> Facts:
        write_arrays(folder / "predictions.npz", arrays)
        return {"views": {view: len(predicted) for view, predicted in found.items()}}

    return write


def arrays_of(view: str, found: Predictions) -> dict[str, Any]:
    """Predictions as the store holds them, by the name of their view."""
    features = {} if found.features is None else {f"{view}.features": found.features}
    return {f"{view}.logits": found.logits, f"{view}.labels": found.labels, f"{view}.ids": found.ids} | features


def make_noise(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """Logits of a rounded model with its rounding errors dealt anew within each channel, on a fixed part of three views."""
    what = step.what
    parts = sets_in(step, place)
    views = NOISE_VIEWS | ({"held_out": "held_out"} if what.get("coins") else {})
    asked = {v: some_of(parts[s], what["images"], f"noise/{what['split']}/{v}") for v, s in views.items() if len(parts[s])}
    quantized = simulation(model_of(what["quantized"], place))
    draws = what["draws"] if codes(quantized) else 0
    disturbances = disturbed(model_of(what["model"], place), quantized, draws, generator(step.key))
    found = [{v: predict(changed, images) for v, images in asked.items()} for changed in disturbances]
    arrays: dict[str, Any] = {}
    for v in asked if found else ():
        arrays |= arrays_of(v, found[0][v]) | {f"{v}.logits": numpy.stack([draw[v].logits for draw in found])}

    def write(folder: Path) -> Facts:
        write_arrays(folder / "noise.npz", arrays)
        return {"draws": len(found), "views": {v: len(images) for v, images in asked.items()}}

    return write


def some_of(images: Images, most: int, name: str) -> Images:
    """At most `most` of the images, drawn by a stream of that name, in their order."""
    if len(images) <= most:
        return images
    places = torch.randperm(len(images), generator=generator(name))[:most].sort().values
    return images[places.to(images.x.device)]


def make_probe(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """What a probe finds in a model: traces as arrays, facts as JSON; all models are asked with one stream, so that chance is the same."""
    what = step.what
    call = call_of(what["probe"])
    original = simulation(model_of(what["original"], place)) if "original" in what else None
    found = asked(
        call, simulation(model_of(what["model"], place)), split_in(step, place), rng=generator(f"{canonical(call.to_json())}/{what['split']}"),
        original=original, quantizer=call_of(what["quantizer"]) if "quantizer" in what else None,
    )  # fmt: skip

    def write(folder: Path) -> Facts:
        write_arrays(folder / "probe.npz", found.arrays())
        write_json(folder / "probe.json", dict(found.facts))
        return {"cost": found.facts.get("cost", {})}

    return write


def make_judgment(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """The values of every metric and audit of a case, and its curves."""
    values, curves = judge_evidence(step, place.store)

    def write(folder: Path) -> Facts:
        write_json(folder / "values.json", values)
        write_json(folder / "curves.json", curves)
        return {}

    return write


def write_model(model: nn.Module, folder: Path, step: Step) -> Facts:
    """Writes a model; returns its size in bytes and the hash of its tensors."""
    model_file.save(model, folder / MODEL, key=step.key, verb=step.verb, label=step.label)
    return {"bytes": (folder / MODEL).stat().st_size, "tensors": model_file.hash_tensors(model)}


def model_of(name: tuple[str, str] | list[str], place: Workspace) -> nn.Module:
    """The model that an earlier step left in the store."""
    verb, key = name
    return model_file.load(place.store.file(verb, key, MODEL), device=place.device)


@lru_cache(maxsize=2)
def pixels_of(dataset: str, data_dir: Path | None, device: str) -> tuple[str, Images]:
    """The fingerprint of a data set and all its images, on a device; kept, for the next step will want them again."""
    call = call_of(json.loads(dataset))
    data = call.component.load()(data_dir=data_dir, **call.arguments())
    return data.fingerprint, images_of(data, device)


def sets_in(step: Step, place: Workspace) -> dict[str, Images]:
    """The images of every set of a step's split, those of the retain set that are judged among them."""
    arrays = read_arrays(place.store.file("split", step.what["split"], "split.npz"))
    known = place.store.provenance("split", step.what["split"])["facts"]["fingerprint"]
    fingerprint, every = pixels_of(canonical(step.what["dataset"]), place.data_dir, place.device)
    if fingerprint != known:
        raise DataError(f"{step.label}: the images changed since this was planned; run it again")
    where = torch.zeros(int(every.ids.max()) + 1, dtype=torch.long)
    where[every.ids.cpu()] = torch.arange(len(every))
    return {name: every[where[torch.tensor(ids)].to(every.x.device)] for name, ids in arrays.items()}


def split_in(step: Step, place: Workspace) -> Split:
    """A step's split with its images."""
    facts = place.store.provenance("split", step.what["split"])["facts"]
    sets = {name: images for name, images in sets_in(step, place).items() if name != "judged_retain"}
    return Split(**sets, classes=tuple(facts["classes"]), coins=facts.get("coins", False))


VERBS = {
    "split": make_split, "train": make_trained, "unlearn": make_unlearned, "quantize": make_quantized, "predict": make_predictions, "noise": make_noise, "probe": make_probe,
    "judge": make_judgment,
}  # fmt: skip
