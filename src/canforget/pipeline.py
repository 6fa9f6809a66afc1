"""The verbs on models and images at hand: open a split, build, train, unlearn, quantize, evaluate. Command line and studies call these."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Generator, nn

from canforget.data.dataset import DataSet, tables_of
from canforget.data.images import Images, Split, images_of, together
from canforget.data.split import split_by
from canforget.deployment.inductor import simulation
from canforget.errors import ArtifactError, SpecError, UserCodeError
from canforget.evaluation.evaluate import AUDITS, COIN_AUDITS, METRICS, judged, named
from canforget.evaluation.evidence import PREDICTED, Evidence, Views, parts_of_test
from canforget.evaluation.probe_readings import named_probe_values
from canforget.evaluation.probe_results import ProbeEvidence, ProbeResult
from canforget.fit_settings import TRAINING, Fit, too_large
from canforget.network.build import build, trainable
from canforget.network.classifier import Classifier, channel_statistics
from canforget.network.compatibility import name_of, require_fits
from canforget.network.predict import predict_views
from canforget.probing.ask import asked
from canforget.quantization.quantized import DeployedClassifier, QuantizedClassifier, require_float
from canforget.report.record import Measured, measured
from canforget.rng import generator
from canforget.spec import Call, Given, format_refusal, parse, require_sound
from canforget.training.loop import train_

Component = Given | Call
"""A component as text, as a table, or already read."""


def open_split(
    dataset: Component,
    scenario: Component,
    *,
    data_dir: Path | str | None = None,
    device: str = "cpu",
    seed: int = 0,
    val_fraction: float = 0.1,
    held_out_fraction: float = 0.0,
    calibration: int | None = None,
) -> Split:
    """Returns the images of a data set, split by a scenario into forget, retain, val and test.

    `calibration` retain images calibrate quantizers: by default 256, or all where there are fewer.

    >>> split = open_split("digits", "whole_class:classes=3")
    >>> split.forget.y.unique().tolist(), 3 in split.retain.y
    ([3], False)
    """
    data = open_data(dataset, data_dir)
    settings = {"seed": seed, "val_fraction": val_fraction, "held_out_fraction": held_out_fraction, "calibration": calibration}
    return split_images(data, called("scenarios", scenario), device, **settings)


def open_data(dataset: Component, data_dir: Path | str | None = None) -> DataSet:
    """The data set that a component names, unsplit and not decoded yet.

    >>> len(open_data("digits").train)
    1438
    """
    call = called("datasets", dataset)
    data: DataSet = call.component.load()(data_dir=None if data_dir is None else Path(data_dir), **call.arguments())
    return data


def split_of(
    train: Images,
    test: Images,
    scenario: Component,
    *,
    classes: Sequence[str] = (),
    seed: int = 0,
    val_fraction: float = 0.1,
    calibration: int | None = None,
) -> Split:
    """Returns your own images, split by a scenario; ids count the training images from 0, then the test images."""
    names = tuple(classes) or tuple(str(c) for c in range(int(torch.cat([train.y, test.y]).max()) + 1))
    channels, height, width = train.x.shape[1:]
    tables = tables_of(train.y.cpu().numpy(), test.y.cpu().numpy())
    data = DataSet("own", *tables, names, (channels, height, width), "", lambda: (train.x.cpu().numpy(), test.x.cpu().numpy()))
    settings = {"seed": seed, "val_fraction": val_fraction, "calibration": calibration}
    return split_images(data, called("scenarios", scenario), train.x.device, **settings)


def split_images(data: DataSet, scenario: Call, device: torch.device | str, **settings: Any) -> Split:
    """The split that a scenario and the settings decide, with its images."""
    ids, every = split_by(data, scenario, **settings), images_of(data, device)
    sets = {name: every[torch.tensor(chosen, device=every.x.device)] for name, chosen in ids.sets.items()}
    return Split(**sets, classes=data.classes, coins=ids.coins)


def train(
    model: nn.Module | Component,
    images: Images | Split,
    *,
    fit: Fit = TRAINING,
    seed: int = 0,
    retrain: bool = False,
    val: Images | None = None,
    num_classes: int | None = None,
    rng: Generator | None = None,
    checkpoint: Path | None = None,
) -> nn.Module:
    """Returns `model` trained on images: of a split on forget and retain set, or with `retrain` on the retain set alone.

    A name is built with fresh weights first. A module of your own is trained in place, and must take raw pixels: `canforget.wrap(module,
    images)` puts a normalization in front.

    Args:
        val: Images that choose the best epoch when `fit.patience` is set; default: those of the split.
        num_classes: Outputs of a model that is built; default: the split's classes, or one more than the largest label.
        rng: The stream of initialization, batches and augmentation; default: one named by `seed`.
        checkpoint: File to go on from, should training be stopped; removed at the end.
    """
    if isinstance(images, Split):
        num_classes, val = num_classes or images.num_classes, val or images.val
        images = images.retain if retrain else together(images.forget, images.retain)
    elif retrain:
        raise SpecError("train: retrain=True leaves the forget set of a split out; pass a split, or the retain images alone")
    rng = rng or generator(f"train/{seed}")
    if reason := too_large(fit, shape_of(images)):
        raise SpecError(f"fit.{reason}")
    if not isinstance(model, nn.Module):
        model = build_for(called("models", model), images, num_classes or int(images.y.max()) + 1, rng=rng)
    require_float(model, "train")
    require_fits(trainable(model, name_of(model)), images, num_classes=num_classes, training=True)
    return train_(model.to(images.x.device), images, rng=rng, fit=fit, val=val, checkpoint=checkpoint)


def build_for(call: Call, images: Images, num_classes: int, *, rng: Generator) -> Classifier:
    """A network with fresh weights from `rng`, which takes images of this shape and normalizes them by their own channel statistics."""
    require_sound(call, image_shape=shape_of(images), num_classes=num_classes)
    mean, std = channel_statistics(images)
    return build(call.name, num_classes, shape_of(images), rng=rng, mean=mean, std=std, parameters=given(call))


def shape_of(images: Images) -> tuple[int, int, int]:
    """(channels, height, width) of images."""
    channels, height, width = images.x.shape[1:]
    return channels, height, width


def given(call: Call) -> dict[str, Any]:
    """A model's hyperparameters, those left to the library left out."""
    return {name: value for name, value in call.parameters if value is not None}


def called(family: str, component: Component) -> Call:
    """The call that a text or table means; a call as it is."""
    return component if isinstance(component, Call) else parse(family, component)


def unlearn(model: nn.Module, split: Split, unlearner: Component, *, seed: int = 0, rng: Generator | None = None) -> nn.Module:
    """Returns what an unlearner makes of `model`, seeing only the forget and the retain set of `split`."""
    call = called("unlearners", unlearner)
    require_sound(call, image_shape=shape_of(split.retain), num_classes=split.num_classes)
    if call.component.traits.get("whole_class_only") and not split.forgotten_classes:
        raise SpecError(f"{call.name} forgets whole classes only, and this scenario leaves images of every class; choose another unlearner")
    require_float(model, "unlearn")
    require_fits(model, split, training=True)
    made: nn.Module = call.component.load()(model, split.forget, split.retain, rng=rng or generator(f"unlearn/{seed}"), **call.arguments())
    return fitting(made, call, split)


def quantize(model: nn.Module, split: Split, quantizer: Component) -> nn.Module:
    """Returns `model` in a format, calibrated on retain images of `split` only."""
    call = called("quantizers", quantizer)
    require_fits(model, split)
    require_sound(call, image_shape=shape_of(split.calibration), num_classes=split.num_classes, most_inputs=most_inputs(model))
    made: nn.Module = call.component.load()(model, split.calibration, **call.arguments())
    if isinstance(made, QuantizedClassifier | DeployedClassifier):
        made.format = call.label
    return fitting(made, call, split)


def fitting(made: nn.Module, call: Call, split: Split) -> nn.Module:
    """The model that a member returned; one of a user's own member must know the images and classes, too."""
    if "/" in call.name:
        try:
            require_fits(made, split)
        except ArtifactError as problem:
            raise UserCodeError(f"{call.component.path}: {call.name} returned another network: {str(problem).partition(';')[0]}") from None
    return made


def most_inputs(model: nn.Module) -> int:
    """The weights of the largest output channel of any layer."""
    return max((p[0].numel() for p in model.parameters() if p.ndim > 1 and len(p)), default=0)


class Evaluation(dict[str, Measured]):
    """The value of every metric and audit by name; `references` says in which format the models were that it was compared with."""

    references: str = ""


FLOAT, AS_THEY_ARE = "none", "as they are"
UNTOLD = "evaluate: {which} model is quantized, and nobody said how; pass quantizer=... (on the command line --quantizer)"


def evaluate(
    model: nn.Module,
    split: Split,
    *,
    original: nn.Module | None = None,
    retrained: Sequence[nn.Module] = (),
    quantizer: Component | None = None,
    metrics: Sequence[Component] = METRICS,
    audits: Sequence[Component] | None = None,
    probes: Sequence[Component] = (),
) -> Evaluation:
    """Returns the value of every metric and audit by name, such as `forget.accuracy` or `membership.phi`.

    A quantized model is judged in its format: float `original` and `retrained` models are quantized as it was, calibrated on the same
    retain images, for rounding moves the models that it is compared with, too. What needs them says *not run* without them.

    Args:
        audits: Default: those of outputs; of a scenario that tosses coins `coin_flips`, too.
        probes: Asked of the live models, which takes minutes where the rest takes seconds (see `probe`); default: none.
        quantizer: How `model` was quantized; default: as it says itself. "none" judges it against the other models as they are.

    Raises:
        SpecError: Nobody said how `model` was quantized, or another model is in another format.
    """
    evidence, references = gathered(model, split, original=original, retrained=retrained, quantizer=quantizer)
    found = Evaluation(values_of(evidence, metrics, audits))
    found.references = references
    if probes:
        found |= probe(model, split, probes, original=original, retrained=retrained, quantizer=quantizer)
    return found


def gathered(
    model: nn.Module, split: Split, *, original: nn.Module | None, retrained: Sequence[nn.Module], quantizer: Component | None
) -> tuple[Evidence, str]:
    """What models answer on every view of a split, and in which format those compared with are; see `evaluate`."""
    others = [*([] if original is None else [original]), *retrained]
    for judged_model in (model, *others):
        require_fits(judged_model, split)
    chosen, stated = format_judged(model, quantizer)
    inside = [other if stated else alike(other, chosen, split) for other in others]
    views = [views_of(other, split) for other in inside]
    evidence = Evidence(
        subject=views_of(model, split),
        original=None if original is None else views[0],
        retrained=tuple(views[len(others) - len(retrained) :]),
        forgotten_classes=split.forgotten_classes,
        coins=split.coins,
    )
    return evidence, AS_THEY_ARE if stated else "in float32" if chosen == FLOAT else f"in {chosen}"


def values_of(evidence: Evidence, metrics: Sequence[Component] = METRICS, audits: Sequence[Component] | None = None) -> dict[str, Measured]:
    """The value of every metric and audit by name; by default those of outputs, and of coins where some were tossed."""
    audits = (*AUDITS, *(COIN_AUDITS if evidence.coins else ())) if audits is None else audits
    calls = [[called(family, c) for c in named] for family, named in (("metrics", metrics), ("audits", audits))]
    return {name: measured(value) for name, value in judged(evidence, calls[0], calls[1], "evaluate").items()}


def format_judged(model: nn.Module, quantizer: Component | None) -> tuple[str, bool]:
    """The format that a model is judged in, and whether the models compared with are to be taken as they are."""
    chosen = format_of(model, "this") if quantizer is None else called("quantizers", quantizer).label
    return chosen, quantizer is not None and chosen == FLOAT


def probe(
    model: nn.Module,
    split: Split,
    probes: Component | Sequence[Component],
    *,
    original: nn.Module | None = None,
    retrained: Sequence[nn.Module] = (),
    quantizer: Component | None = None,
    seed: int = 0,
) -> Evaluation:
    """Returns what live models hold beyond their predictions, by name, such as `relearning.forget_only_10.accuracy_at_5_excess`.

    Each of `probes` trains, attacks or shakes copies of the model, of the original and of every retrained one, all with the same images and
    the same chance; `_excess` is over the retrained ones. The format of the others is as in `evaluate`. Takes minutes a model.

    Raises:
        SpecError: A probe cannot be asked of a model in this format, or needs an original model that was not given.
    """
    chosen, stated = format_judged(model, quantizer)
    for probed in (model, *([] if original is None else [original]), *retrained):
        require_fits(probed, split)
    kept = original if original is None or stated else alike(original, chosen, split)
    inside = [g if stated else alike(g, chosen, split) for g in retrained]
    found = Evaluation()
    given = [probes] if isinstance(probes, str | Call | dict) else list(probes)
    for name, call in named(called("probes", p) for p in given).items():
        require_probe_sound(call, chosen, original)

        def result(other: nn.Module, call: Call = call) -> ProbeResult:
            return asked(call, simulation(other), split, rng=generator(f"probe/{seed}"), original=kept)

        evidence = ProbeEvidence(result(model), None if kept is None else result(kept), tuple(map(result, inside)))
        found |= {n: measured(v) for n, v in named_probe_values(name, call, evidence).items()}
    found.references = AS_THEY_ARE if stated else "in float32" if chosen == FLOAT else f"in {chosen}"
    return found


def require_probe_sound(call: Call, chosen: str, original: nn.Module | None) -> None:
    """Raises `SpecError` when a probe cannot be asked of models in a format, or of this model alone."""
    if call.component.traits.get("of_rounding"):
        raise SpecError(f"{call.name} asks what rounding did to an update, step by step; ask for it in a study (probes = true)")
    if reason := format_refusal(call, called("quantizers", chosen)):
        raise SpecError(reason)
    if "original" in call.component.receives and original is None:
        raise SpecError(f"{call.name} needs the original model; pass original=... (on the command line --original)")


def format_of(model: nn.Module, which: str) -> str:
    """The call that quantized a model, "none" for a float one; refuses one that does not say."""
    if not isinstance(model, QuantizedClassifier | DeployedClassifier):
        return FLOAT
    if not model.format:
        raise SpecError(UNTOLD.format(which=which))
    return model.format


def alike(model: nn.Module, chosen: str, split: Split) -> nn.Module:
    """A model to compare with in the format `chosen`: quantized now if it is float, as it is if it has that format already."""
    own = format_of(model, "a reference")
    if own == chosen:
        return model
    if own != FLOAT:
        raise SpecError(
            f"evaluate: this model is in {chosen.replace(FLOAT, 'float32')}, and one it is compared with in {own}; pass float models, or all in one format"
        )
    return quantize(model, split, chosen)


def views_of(model: nn.Module, split: Split, *, retain: Images | None = None, features: bool = False) -> Views:
    """A model's predictions on every view of a split that has images, each image once; of the retain set all, or those in `retain`."""
    sets = {name: getattr(split, name) for name in PREDICTED} | ({} if retain is None else {"retain": retain})
    views = predict_views(model, sets, features=features)
    return views | parts_of_test(views["test"], {part: getattr(split, part).ids.cpu().numpy() for part in ("test_forget", "test_retain")})
