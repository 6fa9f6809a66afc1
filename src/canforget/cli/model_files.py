"""The pipelines on model files: a file in, a file out, each saying in its metadata what it came from."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from canforget import pipeline
from canforget.bit_sweep import Sweep, sweep
from canforget.data.images import Split, together
from canforget.data.split import ids_fingerprint
from canforget.deployment import foreign_weights, model_file
from canforget.errors import ArtifactError, SpecError
from canforget.fit_settings import TRAINING
from canforget.network.classifier import Architecture, channel_statistics
from canforget.network.predict import fraction_correct
from canforget.progress import note
from canforget.spec import fit_of, parse, parse_text

About = dict[str, Any]
NOTHING = "random_samples:count=1"
VAL_FRACTION = 0.1


def train_file(
    path: Path, *, model: str, dataset: str, scenario: str | None, retrain: bool, fit: str, seed: int, split_seed: int, val_fraction: float,
    data_dir: Path | None, device: str,
) -> About:  # fmt: skip
    """Trains a model and writes it; returns what was written."""
    if retrain and scenario is None:
        raise SpecError("--retrain: retraining leaves a forget set out; name it by --scenario")
    call, settings = parse("models", model, "--model"), fit_of(parse_text(f"fit:{fit}")[1], TRAINING, "--fit")
    if settings.patience and not val_fraction:
        raise SpecError(
            "--fit patience: training stops by the loss on validation images, and --val-fraction 0 holds none; drop one of them"
        )
    origin: About = {"dataset": dataset, "scenario": scenario, "split_seed": split_seed, "val_fraction": val_fraction}
    split = opened_split(origin, split_seed, data_dir, device)
    made = pipeline.train(call, split, fit=settings, seed=seed, retrain=retrain, checkpoint=path.with_suffix(".partial"))
    origin |= {"trained_on": len(split.retain) + (0 if retrain else len(split.forget)), "seed": seed, "fit": asdict(settings)}
    return written(made, path, "train", call.label, origin, split)


def unlearn_file(
    source: Path, path: Path, *, unlearner: str, dataset: str | None, scenario: str, seed: int, split_seed: int, data_dir: Path | None, device: str
) -> About:  # fmt: skip
    """Unlearns a scenario's forget set from a model file and writes what comes of it."""
    call = parse("unlearners", unlearner, "--unlearner")
    origin = origin_of(source)
    origin |= {"dataset": dataset or origin_value(origin, "dataset", source), "scenario": scenario}
    split = opened_split(origin, split_seed, data_dir, device)
    made = pipeline.unlearn(model_file.load(source, device=device), split, call, seed=seed)
    origin |= {
        "split_seed": origin.get("split_seed", split_seed),
        "forgot": forget_hash(split),
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
    split = opened_split(origin, split_seed, data_dir, device)
    require_same_request(source, origin, split, named=dataset or scenario)
    made = pipeline.quantize(model_file.load(source, device=device), split, call)
    return written(made, path, "quantize", call.label, origin | {"quantizer": call.label, "calibrated_on": len(split.calibration)}, split)


def model_name(path: Path) -> str:
    """The architecture in a file, or the file's name where it knows none."""
    return str((model_file.describe(path).get("architecture") or {}).get("name", path.stem))


def adopt_file(
    source: Path, path: Path, *, model: str, dataset: str, mean: tuple[float, ...], std: tuple[float, ...], pickle: bool, data_dir: Path | None
) -> About:  # fmt: skip
    """Writes weights made elsewhere as a model file, behind the normalization they were trained with.

    All training images count as trained on: nobody knows better, and to take some for unseen would flatter every figure.
    """
    call = parse("models", model, "--model")
    origin: About = {"dataset": dataset, "adopted_from": source.name, "val_fraction": 0.0}
    split = opened_split(origin, 0, data_dir, "cpu")
    images = together(split.forget, split.retain)
    found = channel_statistics(images)
    c, h, w = images.x.shape[1:]
    mean, std = (given * c if len(given) == 1 else given or usual for given, usual in zip((mean, std), found, strict=True))
    if not len(mean) == len(std) == c:
        raise SpecError(f"--mean, --std: {dataset} has {c} channels; give one number for all, or {c}")
    architecture = Architecture(call.name, split.num_classes, (c, h, w), mean, std, pipeline.given(call))
    made = (foreign_weights.load_pickle if pickle else foreign_weights.load_weights)(source, architecture)
    accuracy = fraction_correct(made, split.test)
    if accuracy <= 2 / split.num_classes:
        note(
            f"{source}: right on {accuracy:.1%} of the {len(split.test)} test images, as by chance; check --mean, --std and the order of classes"
        )
    if pipeline.open_data(dataset, data_dir).test_is_cut:
        note(
            f"{dataset}: nobody set test images apart, so {len(split.test)} were cut off and count as unseen; if {source} was trained on them, "
            "no test accuracy and no membership figure holds: lay out train/ and test/ as in its training"
        )
    return written(made, path, "adopt", call.label, origin, split) | {"test_accuracy": round(accuracy, 4)}


def export_file(source: Path, path: Path) -> About:
    """Writes a model file as an ONNX graph that carries the model's origin and its classes; returns what a user wants to know of the file."""
    from canforget.deployment.onnx_graph import export

    said = model_file.describe(source)
    export(model_file.load(source), path, origin=origin_of(source), classes=said.get("classes", []))
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "exported_from": str(source),
        "takes": "raw pixels, uint8 [n, channels, height, width]",
    }


def opened_split(origin: About, split_seed: int, data_dir: Path | None, device: str) -> Split:
    """The split that a model's origin names; without a scenario nothing is set apart but val and test (one image stands in for the forget set).

    The model's own seed of the split goes before the one given.
    """
    settings = {"seed": origin.get("split_seed", split_seed), "val_fraction": origin.get("val_fraction", VAL_FRACTION)}
    return pipeline.open_split(origin["dataset"], origin.get("scenario") or NOTHING, data_dir=data_dir, device=device, **settings)


def forget_hash(split: Split) -> str:
    """The first digits of the SHA-256 of the forget set's ids."""
    return ids_fingerprint(split.forget.ids.cpu().numpy())[:16]


def require_same_request(path: Path, origin: About, split: Split, named: str | None) -> None:
    """Raises `ArtifactError` when the scenario of a model file now picks other images than those it forgot, and nobody named another."""
    if not named and origin.get("forgot", forget_hash(split)) != forget_hash(split):
        raise ArtifactError(
            f"{path}: {origin['scenario']} lists other images than this model forgot; pass --scenario with the request it was made for"
        )


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
    named, scenario = dataset or scenario, scenario or origin.get("scenario")
    split = opened_split(
        origin | {"dataset": dataset or origin_value(origin, "dataset", source), "scenario": scenario}, split_seed, data_dir, device
    )
    require_same_request(source, origin, split, named=named)
    model = model_file.load(source, device=device)
    return sweep(model, split, call, bits=bits, layer_bits=layer_bits, neighbor_bits=neighbor_bits, forgetting=scenario is not None)
