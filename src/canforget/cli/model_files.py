"""The pipelines on model files: a file in, a file out, each saying in its metadata what it came from."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from canforget import pipeline
from canforget.bit_sweep import Sweep, sweep
from canforget.data.images import Split, together
from canforget.deployment import foreign_weights, model_file
from canforget.errors import ArtifactError, SpecError
from canforget.fit_settings import TRAINING
from canforget.network.classifier import Architecture, channel_statistics
from canforget.spec import fit_of, parse, parse_text

About = dict[str, Any]
NOTHING = "random_samples:count=1"


def train_file(
    path: Path, *, model: str, dataset: str, scenario: str | None, retrain: bool, fit: str, seed: int, split_seed: int, data_dir: Path | None, device: str
) -> About:  # fmt: skip
    """Trains a model and writes it; returns what was written."""
    if retrain and scenario is None:
        raise SpecError("--retrain: retraining leaves a forget set out; name it by --scenario")
    call, settings = parse("models", model, "--model"), fit_of(parse_text(f"fit:{fit}")[1], TRAINING, "--fit")
    split = opened(dataset, scenario, split_seed, data_dir, device)
    made = pipeline.train(call, split, fit=settings, seed=seed, retrain=retrain, checkpoint=path.with_suffix(".partial"))
    origin = {
        "dataset": dataset,
        "scenario": scenario,
        "split_seed": split_seed,
        "trained_on": len(split.retain) + (0 if retrain else len(split.forget)),
        "seed": seed,
        "fit": asdict(settings),
    }
    return written(made, path, "train", call.label, origin, split)


def unlearn_file(
    source: Path, path: Path, *, unlearner: str, dataset: str | None, scenario: str, seed: int, split_seed: int, data_dir: Path | None, device: str
) -> About:  # fmt: skip
    """Unlearns a scenario's forget set from a model file and writes what comes of it."""
    call = parse("unlearners", unlearner, "--unlearner")
    origin = origin_of(source)
    split = opened(dataset or origin_value(origin, "dataset", source), scenario, split_seed, data_dir, device)
    made = pipeline.unlearn(model_file.load(source, device=device), split, call, seed=seed)
    origin |= {
        "dataset": dataset or origin["dataset"],
        "scenario": scenario,
        "split_seed": split_seed,
        "unlearner": call.label,
        "unlearn_seed": seed,
    }
    return written(made, path, "unlearn", call.label, origin, split)


def quantize_file(
    source: Path, path: Path, *, quantizer: str, dataset: str | None, scenario: str | None, split_seed: int, data_dir: Path | None, device: str
) -> About:  # fmt: skip
    """Quantizes a model file, calibrated on retain images only, and writes the codes and scales."""
    call = parse("quantizers", quantizer, "--quantizer")
    origin = origin_of(source)
    origin |= {"dataset": dataset or origin_value(origin, "dataset", source), "scenario": scenario or origin.get("scenario")}
    split = opened(origin["dataset"], origin["scenario"], origin.get("split_seed", split_seed), data_dir, device)
    made = pipeline.quantize(model_file.load(source, device=device), split, call)
    return written(made, path, "quantize", call.label, origin | {"quantizer": call.label, "calibrated_on": len(split.calibration)}, split)


def evaluate_file(
    source: Path, *, dataset: str | None, scenario: str | None, original: Path | None, retrained: Sequence[Path], split_seed: int,
    data_dir: Path | None, device: str,
) -> About:  # fmt: skip
    """The values of every metric and audit of a model file."""
    origin = origin_of(source)
    scenario = scenario or origin_value(origin, "scenario", source)
    dataset = dataset or origin_value(origin, "dataset", source)
    split = opened(dataset, scenario, origin.get("split_seed", split_seed), data_dir, device)
    values = pipeline.evaluate(
        model_file.load(source, device=device),
        split,
        original=None if original is None else model_file.load(original, device=device),
        retrained=[model_file.load(g, device=device) for g in retrained],
    )
    return {
        "model": str(source),
        "origin": origin,
        "dataset": dataset,
        "scenario": scenario,
        "values": {k: asdict(v) for k, v in values.items()},
    }


def adopt_file(
    source: Path, path: Path, *, model: str, dataset: str, mean: tuple[float, ...], std: tuple[float, ...], pickle: bool, data_dir: Path | None
) -> About:  # fmt: skip
    """Writes weights made elsewhere as a model file, behind the normalization they were trained with."""
    call = parse("models", model, "--model")
    split = opened(dataset, None, 0, data_dir, "cpu")
    images = together(split.forget, split.retain)
    found = channel_statistics(images)
    c, h, w = images.x.shape[1:]
    architecture = Architecture(call.name, split.num_classes, (c, h, w), mean or found[0], std or found[1], pipeline.given(call))
    if not len(architecture.mean) == len(architecture.std) == c:
        raise SpecError(f"--mean, --std: {dataset} has {c} channels; give {c} numbers each")
    made = (foreign_weights.load_pickle if pickle else foreign_weights.load_weights)(source, architecture)
    return written(made, path, "adopt", call.label, {"dataset": dataset, "adopted_from": source.name}, split)


def opened(dataset: str, scenario: str | None, seed: int, data_dir: Path | None, device: str) -> Split:
    """The split of a data set; without a scenario nothing is set apart but val and test (one image stands in for the forget set)."""
    return pipeline.open_split(dataset, scenario or NOTHING, data_dir=data_dir, device=device, seed=seed)


def origin_of(path: Path) -> About:
    """What a model file says of how it came about."""
    return dict(model_file.describe(path).get("origin", {}))


def origin_value(origin: About, key: str, path: Path) -> str:
    """What a file says of its data set or scenario; an error that says which flag to pass when it says nothing."""
    if not origin.get(key):
        raise ArtifactError(f"{path}: does not say its {key}; pass --{key}")
    return str(origin[key])


def written(model: Any, path: Path, verb: str, label: str, origin: About, split: Split) -> About:
    """Writes a model with its origin; returns what a user wants to know of the file."""
    model_file.save(model, path, verb=verb, label=label, origin=origin, classes=list(split.classes))
    return {"file": str(path), "bytes": path.stat().st_size, "tensors": model_file.hash_tensors(model), "made_by": label, **origin}


def sweep_file(
    source: Path, *, quantizer: str, bits: Sequence[int], layer_bits: Sequence[int], neighbor_bits: int, dataset: str | None,
    scenario: str | None, split_seed: int, data_dir: Path | None, device: str,
) -> Sweep:  # fmt: skip
    """The sweep of a model file; without a scenario, nothing is said of forgetting."""
    call = parse("quantizers", quantizer, "--quantizer")
    origin = origin_of(source)
    dataset, scenario = dataset or origin_value(origin, "dataset", source), scenario or origin.get("scenario")
    split = opened(dataset, scenario, origin.get("split_seed", split_seed), data_dir, device)
    model = model_file.load(source, device=device)
    return sweep(model, split, call, bits=bits, layer_bits=layer_bits, neighbor_bits=neighbor_bits, forgetting=scenario is not None)
