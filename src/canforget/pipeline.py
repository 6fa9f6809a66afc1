"""The pipelines on models and images at hand: open a split, train, unlearn, quantize, evaluate; no study, no store, no files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from canforget.data.dataset import DataSet, Table
from canforget.data.images import Images, Split, together
from canforget.data.split import split_ids
from canforget.evaluation.evaluate import AUDITS, METRICS, judged
from canforget.evaluation.evidence import Evidence, Predictions, Views
from canforget.fit_settings import TRAINING, Fit
from canforget.network.build import build
from canforget.network.classifier import channel_statistics
from canforget.network.predict import predict
from canforget.report.record import Measured, measured
from canforget.rng import generator
from canforget.spec import Call, Given, parse
from canforget.training.loop import train_

VIEWS = ("forget", "retain", "val", "test", "test_forget", "test_retain", "held_out")


def open_split(
    dataset: Given,
    scenario: Given,
    *,
    data_dir: Path | str | None = None,
    device: str = "cpu",
    seed: int = 0,
    val_fraction: float = 0.1,
    held_out_fraction: float = 0.0,
    calibration: int = 256,
) -> Split:
    """Returns the images of a data set, split by a scenario into forget, retain, val and test.

    >>> split = open_split("digits", "whole_class:classes=3")
    >>> split.forget.y.unique().tolist(), 3 in split.retain.y
    ([3], False)
    """
    call = parse("datasets", dataset)
    data = call.component.load()(data_dir=None if data_dir is None else Path(data_dir), **call.arguments())
    pixels = [torch.tensor(numpy.asarray(p)) for p in data.pixels()]
    settings = {"seed": seed, "val_fraction": val_fraction, "held_out_fraction": held_out_fraction, "calibration": calibration}
    return split_images(data, torch.cat(pixels).to(device), parse("scenarios", scenario), **settings)


def split_of(
    train: Images,
    test: Images,
    scenario: Given,
    *,
    classes: Sequence[str] = (),
    seed: int = 0,
    val_fraction: float = 0.1,
    calibration: int = 256,
) -> Split:
    """Returns your own images, split by a scenario; ids count the training images from 0, then the test images."""
    names = tuple(classes) or tuple(str(c) for c in range(int(torch.cat([train.y, test.y]).max()) + 1))
    tables = [Table(images.y.cpu().numpy(), numpy.arange(len(images)) + start) for images, start in ((train, 0), (test, len(train)))]
    shape = tuple(train.x.shape[1:])
    data = DataSet("own", tables[0], tables[1], names, (shape[0], shape[1], shape[2]), "", lambda: (numpy.empty(0), numpy.empty(0)))  # type: ignore[arg-type,return-value]
    settings = {"seed": seed, "val_fraction": val_fraction, "calibration": calibration}
    return split_images(data, torch.cat([train.x, test.x]), parse("scenarios", scenario), **settings)


def split_images(data: DataSet, pixels: torch.Tensor, scenario: Call, **settings: Any) -> Split:
    """The split that a scenario and the settings decide, with its images."""
    choose = scenario.component.load()
    ids = split_ids(data, lambda table, rng: choose(table, class_names=data.classes, rng=rng, **scenario.arguments()), **settings)
    labels = torch.tensor(numpy.concatenate([data.train.labels, data.test.labels]))
    every = Images(pixels, labels.to(pixels.device), torch.arange(len(labels), device=pixels.device))
    sets = {name: every[torch.tensor(getattr(ids, name), device=pixels.device)] for name in (*VIEWS, "calibration")}
    return Split(**sets, classes=data.classes)


def train(model: nn.Module | Given, images: Images | Split, *, fit: Fit = TRAINING, seed: int = 0, val: Images | None = None) -> nn.Module:
    """Trains a model on images (of a split: on forget and retain) and returns it; a name is built with fresh weights first.

    A module of your own is trained in place, and must take raw pixels: `canforget.wrap(module, images)` puts a normalization in front.
    """
    if isinstance(images, Split):
        images = together(images.forget, images.retain)
    rng = generator(f"train/{seed}")
    if not isinstance(model, nn.Module):
        call = parse("models", model)
        mean, std = channel_statistics(images)
        shape = images.x.shape
        classes = int(images.y.max()) + 1
        model = build(call.name, classes, (shape[1], shape[2], shape[3]), rng=rng, mean=mean, std=std, parameters=given(call))
    return train_(model.to(images.x.device), images, rng=rng, fit=fit, val=val)


def given(call: Call) -> dict[str, Any]:
    """A model's hyperparameters, those left to the library left out."""
    return {name: value for name, value in call.parameters if value is not None}


def unlearn(model: nn.Module, split: Split, unlearner: Given, *, seed: int = 0) -> nn.Module:
    """Returns what an unlearner makes of `model`, seeing only the forget and the retain set of `split`."""
    call = parse("unlearners", unlearner)
    made: nn.Module = call.component.load()(model, split.forget, split.retain, rng=generator(f"unlearn/{seed}"), **call.arguments())
    return made


def quantize(model: nn.Module, split: Split, quantizer: Given) -> nn.Module:
    """Returns `model` in a format, calibrated on retain images of `split` only."""
    call = parse("quantizers", quantizer)
    made: nn.Module = call.component.load()(model, split.calibration, **call.arguments())
    return made


def evaluate(
    model: nn.Module,
    split: Split,
    *,
    original: nn.Module | None = None,
    retrained: Sequence[nn.Module] = (),
    metrics: Sequence[Given] = METRICS,
    audits: Sequence[Given] = AUDITS,
) -> Mapping[str, Measured]:
    """Returns the value of every metric and audit by name, such as `forget.accuracy` or `membership.phi`.

    What needs the original or retrained models says *not run* without them.
    """
    evidence = Evidence(
        subject=views_of(model, split),
        original=None if original is None else views_of(original, split),
        retrained=tuple(views_of(g, split) for g in retrained),
        forgotten_classes=split.forgotten_classes,
    )
    chosen_metrics, chosen_audits = ([parse(family, c) for c in given] for family, given in (("metrics", metrics), ("audits", audits)))
    return {name: measured(value) for name, value in judged(evidence, chosen_metrics, chosen_audits, "evaluate").items()}


def views_of(model: nn.Module, split: Split) -> Views:
    """A model's predictions on every view of a split that has images; each image is predicted once."""
    views: dict[str, Predictions] = {
        v: predict(model, getattr(split, v)) for v in ("forget", "retain", "val", "test", "held_out") if len(getattr(split, v))
    }
    for part in ("test_forget", "test_retain"):
        ids = getattr(split, part).ids.cpu().numpy()
        if len(ids):
            views[part] = views["test"].where(numpy.isin(views["test"].ids, ids))
    return views
