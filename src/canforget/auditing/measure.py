"""Models and images in, the values of every question out: each model predicted once in each format, all on the same images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy
import torch
from torch import nn

from canforget import pipeline
from canforget.auditing import standard
from canforget.auditing.probes_asked import Probed, probe_sheet, probes_of_model
from canforget.data.images import Images, Split
from canforget.errors import NotMeasurable, SpecError
from canforget.evaluation.calibrated import ExcessArea, both_versions
from canforget.evaluation.evaluate import Plain, judged
from canforget.evaluation.evidence import Evidence, NotRun, Views, attempt
from canforget.evaluation.matched_sets import MatchedSets, matching_places, same_images, unmatched_sets
from canforget.evaluation.membership_scores import log_odds
from canforget.network.predict import last_linear
from canforget.quantization.quantized import DeployedClassifier
from canforget.rng import numpy_generator
from canforget.spec import Call, parse

Sheet = Mapping[str, Plain]
"""The values of one model in one format, by name."""
Pair = tuple[numpy.ndarray, numpy.ndarray]
UNKNOWN = "in a format that nobody told: compared with float models"


@dataclass(frozen=True)
class FormatSheets:
    """All that was measured of the models in one format.

    `label` is the call of the quantizer, "" where nobody said how a file was quantized and its references are float models; `engine`
    what runs it, "" for a network of torch. `both` and `rounding` hold the excess of an attacker who has two versions.
    """

    format: str
    label: str
    engine: str
    subject: Sheet
    original: Sheet | None
    retrained: tuple[Sheet, ...]
    both: ExcessArea | NotRun
    rounding: ExcessArea | NotRun
    evidence: Evidence = field(repr=False)


@dataclass
class Bench:
    """The images and the models that a subject is judged beside, asked once in each format however many subjects there are."""

    split: Split
    original: nn.Module | None
    retrained: Sequence[nn.Module]
    told: Callable[[int], None] = lambda images: None
    known: dict[str, "References"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.judged_retain = judged_retain(self.split)

    @property
    def images(self) -> int:
        """How many images a model is asked about in one format."""
        return len(self.judged_retain) + sum(len(getattr(self.split, view)) for view in ("forget", "val", "test", "held_out"))

    def views(self, model: nn.Module) -> Views:
        """A model's predictions on every set; features where the last linear layer can be read."""
        return pipeline.views_of(model, self.split, retain=self.judged_retain, features=has_features(model))

    def asked(self, model: nn.Module) -> tuple[Views, Probed]:
        """A model's predictions, and what probes find in it."""
        found = self.views(model), probes_of_model(model, self.split)
        self.told(1)
        return found

    def references(self, label: str) -> "References":
        """Original and retrained models in a format, asked and judged the first time that they are wanted."""
        if label not in self.known:
            self.known[label] = references_in(self, label)
        return self.known[label]


@dataclass(frozen=True)
class References:
    """Original and retrained models in one format: their predictions, what probes found, and their values."""

    original: Views | None
    retrained: tuple[Views, ...]
    probes: tuple[Probed, ...]
    original_sheet: Sheet | None
    sheets: tuple[Sheet, ...]


def references_in(bench: Bench, label: str) -> References:
    """The models of a bench in a format, each retrained one judged by the others."""
    models = [*filter(None, [bench.original]), *bench.retrained]
    found = [bench.asked(pipeline.alike(model, label, bench.split)) for model in models]
    first = found[0] if bench.original is not None else None
    others = found[len(found) - len(bench.retrained) :]
    retrained, probes = tuple(v for v, _ in others), tuple(p for _, p in others)

    def sheet(views: Views, own: Probed, coins: Sequence[str] = ()) -> Sheet:
        rest = [p for p in probes if p is not own]
        return {**sheet_of(evidence_on(bench.split, views, first and first[0], retrained), coins), **probe_sheet(own, rest)}

    original = None if first is None else sheet(*first, standard.FEW_DRAWS)
    return References(first and first[0], retrained, probes, original, tuple(sheet(*other) for other in others))


def evidence_on(split: Split, subject: Views, original: Views | None, retrained: tuple[Views, ...]) -> Evidence:
    """A subject beside others."""
    return Evidence(subject, original, retrained, forgotten_classes=split.forgotten_classes, coins=split.coins)


def judged_retain(split: Split) -> Images:
    """The retain images that are judged: all, or a fixed number of them drawn at random."""
    if len(split.retain) <= standard.JUDGED_RETAIN:
        return split.retain
    drawn = numpy_generator(f"{standard.STREAM}/retain").choice(len(split.retain), standard.JUDGED_RETAIN, replace=False)
    return split.retain[torch.tensor(numpy.sort(drawn), device=split.retain.x.device)]


def has_features(model: nn.Module) -> bool:
    """Whether the inputs of a last linear layer can be read: not in an engine, nor in a network without one."""
    if isinstance(model, DeployedClassifier):
        return False
    try:
        last_linear(model)
    except SpecError:
        return False
    return True


def calls(family: str, texts: Sequence[str]) -> list[Call]:
    """The calls that the standard names."""
    return [parse(family, text) for text in texts]


def sheet_of(evidence: Evidence, coins: Sequence[str] = ()) -> Sheet:
    """The values of the subject of `evidence`; features are judged alone, for what is beyond retraining is found from all sheets."""
    audits = (*standard.OUTPUT_AUDITS, *(coins if evidence.coins else ()))
    found = judged(evidence, calls("metrics", standard.METRICS), calls("audits", audits), standard.STREAM)
    if not evidence.forgotten_classes:
        return found
    return found | judged(Evidence(evidence.subject), [], calls("audits", standard.FEATURE_AUDITS), standard.STREAM)


def format_sheets(bench: Bench, format: str, model: nn.Module, label: str, before: Views | None) -> FormatSheets:
    """What is measured of a model that is in a format already; `before` are its predictions in float32, for what rounding betrays."""
    views, probes = bench.asked(model)
    beside = bench.references(label or pipeline.FLOAT)
    evidence = evidence_on(bench.split, views, beside.original, beside.retrained)
    engine = model.engine if isinstance(model, DeployedClassifier) else ""
    both = attempt(versions_told, evidence.original, views, evidence.references, evidence.coins)
    rounding = NotRun("not rounded") if before is None else attempt(versions_told, before, views, evidence.references, evidence.coins)
    subject = {**sheet_of(evidence, standard.COIN_AUDITS), **probe_sheet(probes, beside.probes)}
    return FormatSheets(format, label, engine, subject, beside.original_sheet, beside.sheets, both, rounding, evidence)


def versions_told(before: Views | None, after: Views, retrained: Sequence[Views], coins: bool = False) -> ExcessArea:
    """What an attacker learns of the forget set from a change of the log-odds, beyond what he learns with retrained models after it."""
    if before is None:
        raise NotMeasurable("needs the original model")
    if len(retrained) < standard.FEWEST_RETRAINED:
        raise NotMeasurable(f"needs {standard.FEWEST_RETRAINED} retrained models for a null band, not {len(retrained)}")
    every = [unmatched_sets(views, coins) for views in (after, before, *retrained)]
    if not all(same_images(every[0], pair) for pair in every):
        raise NotMeasurable("the models were judged on different images")
    members, others = every[0].forget.labels, every[0].unseen.labels
    places = numpy.arange(len(others)) if coins else matching_places(members, others, numpy_generator(f"{standard.STREAM}/versions"))
    own, first, *rest = [odds_of(pair, places) for pair in every]
    return both_versions(first, own, (numpy.stack([m for m, _ in rest]), numpy.stack([o for _, o in rest])))


def odds_of(pair: MatchedSets, places: numpy.ndarray) -> Pair:
    """Log-odds of the label on the forget set and on the unseen images at `places`."""
    return log_odds(pair.forget), log_odds(pair.unseen)[places]
