"""What each verb of a plan does: from artifacts in the store to one more artifact. The only machinery that touches models and devices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from canforget import artifact
from canforget.classifier import build, channel_statistics
from canforget.fit import train_
from canforget.hyper import Fit
from canforget.images import Images, together
from canforget.judge import judge_evidence
from canforget.pipeline import given
from canforget.plan import PREDICTED, Step, judged, sets_of
from canforget.predict import predict
from canforget.quantized import coverage
from canforget.rng import generator
from canforget.spec import call_of, fit_of
from canforget.splitting import split_ids
from canforget.store import Store, read_arrays, write_arrays, write_json

MODEL = "model.safetensors"
MODEL_VERBS = ("train", "unlearn", "quantize")


@dataclass(frozen=True)
class Place:
    """Where steps are carried out: the store, the data, and the device; nothing of it decides a result."""

    store: Store
    data_dir: Path | None = None
    device: str = "cpu"


Facts = dict[str, Any]


def perform(step: Step, place: Place) -> Callable[[Path], Facts]:
    """Returns what writes the step's artifact into a folder and returns facts about it for the record."""
    return {"split": split, "train": train, "unlearn": unlearn, "quantize": quantize, "predict": predictions, "judge": judge}[step.verb](
        step, place
    )


def split(step: Step, place: Place) -> Callable[[Path], Facts]:
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


def train(step: Step, place: Place) -> Callable[[Path], Facts]:
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


def unlearn(step: Step, place: Place) -> Callable[[Path], Facts]:
    """The model that an unlearner makes of another, seeing only the forget and the retain set."""
    what = step.what
    call = call_of(what["unlearner"])
    parts = views_of(what["split"], what["dataset"], place)
    model = model_of(what["model"], place)
    unlearned = call.component.load()(model, parts["forget"], parts["retain"], rng=generator(step.key), **call.arguments())
    return lambda folder: save(unlearned, folder, step)


def quantize(step: Step, place: Place) -> Callable[[Path], Facts]:
    """A model in a format, calibrated on retain images only."""
    what = step.what
    call = call_of(what["quantizer"])
    calibration = views_of(what["split"], what["dataset"], place)["calibration"]
    quantized = call.component.load()(model_of(what["model"], place), calibration, **call.arguments())
    return lambda folder: save(quantized, folder, step) | {"coverage": coverage(quantized).plain()}


def predictions(step: Step, place: Place) -> Callable[[Path], Facts]:
    """Float32 logits, labels and ids on every view."""
    what = step.what
    parts = views_of(what["split"], what["dataset"], place)
    model = model_of(what["model"], place)
    arrays: dict[str, Any] = {}
    for view in PREDICTED:
        images = parts["judged_retain" if view == "retain" else view]
        if len(images):
            found = predict(model, images)
            arrays |= {f"{view}.logits": found.logits, f"{view}.labels": found.labels, f"{view}.ids": found.ids}

    def write(folder: Path) -> Facts:
        write_arrays(folder / "predictions.npz", arrays)
        return {"views": {v: len(arrays[f"{v}.ids"]) for v in PREDICTED if f"{v}.ids" in arrays}}

    return write


def judge(step: Step, place: Place) -> Callable[[Path], Facts]:
    """The values of every metric and audit of a case."""
    values = judge_evidence(step, place.store)

    def write(folder: Path) -> Facts:
        write_json(folder / "values.json", values)
        return {}

    return write


def save(model: nn.Module, folder: Path, step: Step) -> Facts:
    """Writes a model; returns its size in bytes and the hash of its tensors."""
    artifact.save(model, folder / MODEL, key=step.key, verb=step.verb, label=step.label)
    return {"bytes": (folder / MODEL).stat().st_size, "tensors": artifact.hash_tensors(model)}


def model_of(name: tuple[str, str] | list[str], place: Place) -> nn.Module:
    """The model that an earlier step left in the store."""
    verb, key = name
    return artifact.load(place.store.folder(verb, key) / MODEL, device=place.device)


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


def views_of(split_key: str, dataset: Mapping[str, Any], place: Place) -> dict[str, Images]:
    """The images of every set of a split."""
    from canforget.spec import canonical

    arrays = read_arrays(place.store.folder("split", split_key) / "split.npz")
    every = pixels_of(canonical(dataset), place.data_dir, place.device)
    where = torch.zeros(int(every.ids.max()) + 1, dtype=torch.long)
    where[every.ids.cpu()] = torch.arange(len(every))
    return {name: every[where[torch.tensor(ids)].to(every.x.device)] for name, ids in arrays.items()}
