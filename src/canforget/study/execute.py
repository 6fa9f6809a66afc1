"""What each verb of a plan does: from artifacts in the store to one more artifact. The only machinery that touches models and devices."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from canforget.data.images import Images, together
from canforget.data.split import split_ids
from canforget.deployment import model_file
from canforget.deployment.inductor import simulation
from canforget.evaluation.code_flips import mechanism
from canforget.evaluation.evidence import Predictions
from canforget.file_io import read_arrays, write_arrays, write_json
from canforget.fit_settings import Fit
from canforget.network.build import build
from canforget.network.classifier import channel_statistics
from canforget.network.predict import predict
from canforget.pipeline import given
from canforget.quantization.coverage import coverage
from canforget.quantization.folding import channel_axis, folded, is_layer
from canforget.quantization.weight_noise import disturbed, errors
from canforget.rng import generator
from canforget.spec import call_of, fit_of
from canforget.study.plan import judged
from canforget.study.planned_steps import PREDICTED, Step, sets_of
from canforget.study.store import Store
from canforget.study.stored_evidence import judge_evidence
from canforget.training.loop import train_

MODEL = "model.safetensors"
NOISE_VIEWS = {"forget": "forget", "test_forget": "test_forget", "retain": "judged_retain"}


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


def split(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """The ids of every set of a split."""
    what = step.what
    choose, dataset = call_of(what["scenario"]), call_of(what["dataset"])
    data = dataset.component.load()(data_dir=place.data_dir, **dataset.arguments())
    ids = split_ids(
        data,
        lambda table, rng: choose.component.load()(table, class_names=data.classes, rng=rng, **choose.arguments()),
        **{k: what[k] for k in ("seed", "val_fraction", "held_out_fraction", "calibration")},
    )
    arrays = sets_of(ids) | {"judged_retain": judged(ids.retain, what["judged_retain"], what["seed"])}

    def write(folder: Path) -> Facts:
        write_arrays(folder / "split.npz", arrays)
        return {"classes": list(data.classes), "image_shape": list(data.image_shape), "fingerprint": data.fingerprint,
                "counts": {name: len(a) for name, a in arrays.items()}}  # fmt: skip

    return write


def train(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """A model trained from fresh weights on some parts of a split; its normalization from these images alone."""
    what = step.what
    parts = views_of(what["split"], what["dataset"], place)
    images = together(*(parts[p] for p in what["parts"]))
    rng = generator(step.key)
    mean, std = channel_statistics(images)
    model_call = call_of(what["model"])
    facts = place.store.provenance("split", what["split"])["facts"]
    model = build(
        model_call.name, len(facts["classes"]), tuple(facts["image_shape"]), rng=rng, mean=mean, std=std, parameters=given(model_call)
    ).to(place.device)
    fit = fit_of(what["fit"], Fit())
    train_(model, images, rng=rng, fit=fit, val=parts["val"] if fit.patience else None, checkpoint=place.store.partial(step.key))
    return lambda folder: save(model, folder, step)


def unlearn(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """The model that an unlearner makes of another, seeing only the forget and the retain set."""
    what = step.what
    call = call_of(what["unlearner"])
    parts = views_of(what["split"], what["dataset"], place)
    model = model_of(what["model"], place)
    unlearned = call.component.load()(model, parts["forget"], parts["retain"], rng=generator(step.key), **call.arguments())
    return lambda folder: save(unlearned, folder, step)


def quantize(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """A model in a format, calibrated on retain images only."""
    what = step.what
    call = call_of(what["quantizer"])
    calibration = views_of(what["split"], what["dataset"], place)["calibration"]
    quantized = call.component.load()(model_of(what["model"], place), calibration, **call.arguments())
    return lambda folder: save(quantized, folder, step) | {"coverage": coverage(quantized).to_json()}


def predictions(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """Float32 logits, labels and ids on every view; where asked for, float16 features on all views but val."""
    what = step.what
    parts = views_of(what["split"], what["dataset"], place)
    model = model_of(what["model"], place)
    arrays: dict[str, Any] = {}
    for view in PREDICTED:
        images = parts["judged_retain" if view == "retain" else view]
        if len(images):
            found = predict(model, images, features=what.get("features", False) and view != "val")
            arrays |= arrays_of(view, found)

    def write(folder: Path) -> Facts:
        write_arrays(folder / "predictions.npz", arrays)
        return {"views": {v: len(arrays[f"{v}.ids"]) for v in PREDICTED if f"{v}.ids" in arrays}}

    return write


def arrays_of(view: str, found: Predictions) -> dict[str, Any]:
    """Predictions as the store holds them, by the name of their view."""
    features = {} if found.features is None else {f"{view}.features": found.features}
    return {f"{view}.logits": found.logits, f"{view}.labels": found.labels, f"{view}.ids": found.ids} | features


def noise(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """Logits of a model under random weight noise of the norm of its rounding, on a fixed part of three views."""
    what = step.what
    parts = views_of(what["split"], what["dataset"], place)
    asked = {v: some_of(parts[s], what["images"], f"noise/{what['split']}/{v}") for v, s in NOISE_VIEWS.items() if len(parts[s])}
    model = model_of(what["model"], place)
    sizes = errors(model, simulation(model_of(what["quantized"], place)))
    draws = disturbed(model, sizes, what["draws"] if sizes else 0, generator(step.key))
    found = [{v: predict(changed, images) for v, images in asked.items()} for changed in draws]
    arrays: dict[str, Any] = {}
    for v in asked if found else ():
        arrays |= arrays_of(v, found[0][v]) | {f"{v}.logits": numpy.stack([draw[v].logits for draw in found])}

    def write(folder: Path) -> Facts:
        write_arrays(folder / "noise.npz", arrays)
        return {"draws": len(found), "norms": sizes, "views": {v: len(images) for v, images in asked.items()}}

    return write


def some_of(images: Images, most: int, name: str) -> Images:
    """At most `most` of the images, drawn by a stream of that name, in their order."""
    if len(images) <= most:
        return images
    places = torch.randperm(len(images), generator=generator(name))[:most].sort().values
    return images[places.to(images.x.device)]


def probe(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """What rounding does to the update from one model to another: figures by layer and together, as JSON."""
    what = step.what
    original, model = (layer_weights(model_of(what[m], place)) for m in ("original", "model"))
    found = mechanism(original, model, bits=what["bits"], per_channel=what["per_channel"])

    def write(folder: Path) -> Facts:
        write_json(folder / "probe.json", asdict(found))
        return {}

    return write


def layer_weights(model: nn.Module) -> dict[str, Any]:
    """The weights of all convolutions and linear layers with BatchNorm folded, output channels first."""
    layers = {name: layer for name, layer in folded(model).root.named_modules() if is_layer(layer)}
    return {name: layer.weight.detach().movedim(channel_axis(layer), 0).cpu().numpy() for name, layer in layers.items()}


def judge(step: Step, place: Workspace) -> Callable[[Path], Facts]:
    """The values of every metric and audit of a case."""
    values = judge_evidence(step, place.store)

    def write(folder: Path) -> Facts:
        write_json(folder / "values.json", values)
        return {}

    return write


def save(model: nn.Module, folder: Path, step: Step) -> Facts:
    """Writes a model; returns its size in bytes and the hash of its tensors."""
    model_file.save(model, folder / MODEL, key=step.key, verb=step.verb, label=step.label)
    return {"bytes": (folder / MODEL).stat().st_size, "tensors": model_file.hash_tensors(model)}


def model_of(name: tuple[str, str] | list[str], place: Workspace) -> nn.Module:
    """The model that an earlier step left in the store."""
    verb, key = name
    return model_file.load(place.store.folder(verb, key) / MODEL, device=place.device)


@lru_cache(maxsize=2)
def pixels_of(dataset: str, data_dir: Path | None, device: str) -> Images:
    """All images of a data set on a device, training images first; kept, for the next step will want them again."""
    import json

    call = call_of(json.loads(dataset))
    data = call.component.load()(data_dir=data_dir, **call.arguments())
    train_pixels, test_pixels = data.pixels()
    x = torch.cat([torch.tensor(numpy.asarray(train_pixels)), torch.tensor(numpy.asarray(test_pixels))])
    y = torch.tensor(numpy.concatenate([data.train.labels, data.test.labels]))
    ids = torch.tensor(numpy.concatenate([data.train.ids, data.test.ids]))
    return Images(x, y, ids).to(device)


def views_of(split_key: str, dataset: Mapping[str, Any], place: Workspace) -> dict[str, Images]:
    """The images of every set of a split."""
    from canforget.spec import canonical

    arrays = read_arrays(place.store.folder("split", split_key) / "split.npz")
    every = pixels_of(canonical(dataset), place.data_dir, place.device)
    where = torch.zeros(int(every.ids.max()) + 1, dtype=torch.long)
    where[every.ids.cpu()] = torch.arange(len(every))
    return {name: every[where[torch.tensor(ids)].to(every.x.device)] for name, ids in arrays.items()}


VERBS = {
    "split": split, "train": train, "unlearn": unlearn, "quantize": quantize, "predict": predictions, "noise": noise, "probe": probe,
    "judge": judge,
}  # fmt: skip
