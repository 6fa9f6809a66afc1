"""Study: data sets x models x scenarios x unlearners x quantizers x seeds, from TOML, flags or Python; all mistakes told at once."""

import dataclasses
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MinLen

from canforget.errors import SpecError, did_you_mean, shortened
from canforget.evaluation.evaluate import AUDITS, COIN_AUDITS, FEATURE_AUDITS, METRICS
from canforget.fit_settings import TRAINING, Fit
from canforget.hyperparameters import Count, FreeText, Seed, Word, conforming
from canforget.spec import Call, Given, fit_of, parse

AXES = ("datasets", "models", "scenarios", "unlearners", "quantizers")
JUDGES = ("metrics", "audits", "probes")


@dataclass(frozen=True)
class ModelSpec:
    """An architecture and how its original and retrained models are trained."""

    model: Call
    fit: Fit


@dataclass(frozen=True)
class Study:
    """What is to be run: every combination of the five axes and the seeds; the retrained and the original model always among the unlearners.

    `seeds` are training seeds; the split is one for all (`split_seed`), so that the retrained models of all seeds are one reference.
    `val_fraction` of the training images choose hyperparameters; `held_out_fraction` of the forget classes is never trained on and
    serves as extra matched non-members; `calibration` retain images calibrate quantizers (default: 256, or all where there are fewer); at
    most `judged_retain` retain images are judged. `features` keeps what the last layer reads, and adds the audits of it; `noise_draws` (20 for the claim rule, 0 for none) disturb every
    rounded model's weights as far as its rounding did, and are asked about at most `noise_images` images of the forget, the matched test
    and the retain set each (twenty draws of the default cost about two test sets); `probes` ask the live models (`canforget list probes`), `true` for
    `code_flips` alone;
    `worlds` gives every seed coins of its own (`draw` of `randomized_inclusion` is the seed): seeds are then forget sets as well, and the
    retrained models, which see no image of the pool, are the reference of all of them;
    `controls` runs models of known answer beside the others, with `features`, and says of each whether it was judged as it must be.
    """

    datasets: tuple[Call, ...]
    models: tuple[ModelSpec, ...]
    scenarios: tuple[Call, ...]
    unlearners: tuple[Call, ...]
    quantizers: tuple[Call, ...]
    seeds: tuple[int, ...] = (0,)
    name: Annotated[str, FreeText("what the study is called"), MinLen(1)] = "study"
    metrics: tuple[Call, ...] = ()
    audits: tuple[Call, ...] = ()
    val_fraction: Annotated[float, Gt(0), Lt(0.5)] = 0.1
    held_out_fraction: Annotated[float, Ge(0), Lt(1)] = 0.0
    calibration: Count | None = None
    judged_retain: Count = 10_000
    split_seed: Seed = 0
    features: bool = False
    noise_draws: Annotated[int, Ge(0), Le(10_000)] = 0
    noise_images: Count = 500
    probes: tuple[Call, ...] = ()
    controls: bool = False
    worlds: bool = False

    @classmethod
    def of(cls, where: str = "study", /, **given: Any) -> "Study":
        """A study from plain names, tables and numbers; raises one `SpecError` with a line for every mistake.

        >>> Study.of(datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners=["scrub"], seeds=2).seeds
        (0, 1)
        """
        return read(cls, given, where)

    @cached_property
    def judges(self) -> dict[str, Any]:
        """Metrics and audits as JSON holds them."""
        return {"metrics": [m.to_json() for m in self.metrics], "audits": [a.to_json() for a in self.audits]}


def from_toml(path: Path, /, **changes: Any) -> Study:
    """The study that a TOML file describes, with some of its keys changed; of its table `fit`, the fields named."""
    given = {"name": path.stem} | toml(path)
    if isinstance(given.get("fit"), dict) and isinstance(changes.get("fit"), dict):
        changes["fit"] = given["fit"] | changes["fit"]
    return Study.of(path.name, **(given | changes))


def toml(path: Path) -> dict[str, Any]:
    """What a TOML file says."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpecError(f"{path}: no such study file") from None
    except IsADirectoryError:
        raise SpecError(f"{path}: is a folder; name the study's file, as in {path / 'study.toml'}") from None
    except UnicodeDecodeError as problem:
        raise SpecError(f"{path}: not a text file in UTF-8 (byte {problem.start}); a study is written in TOML") from None
    except OSError as problem:
        raise SpecError(f"{path}: cannot be read: {problem.strerror}") from None
    return parsed_toml(text, str(path))


def parsed_toml(text: str, where: str) -> dict[str, Any]:
    """What a text in TOML says."""
    try:
        return tomllib.loads(text)
    except ValueError as problem:  # tomllib's own error, or that of a number too long to read
        raise SpecError(f"{where}: not valid TOML: {shortened(str(problem), 200)}") from None
    except RecursionError:
        raise SpecError(f"{where}: not valid TOML: brackets are nested too deeply") from None


class Mistakes(list[str]):
    """Lines about what is wrong, gathered so that all are told at once."""

    def catch(self, read: Callable[[], Any], otherwise: Any = None) -> Any:
        """What `read()` returns, or `otherwise` with the mistake noted."""
        try:
            return read()
        except SpecError as problem:
            self.append(str(problem))
            return otherwise


def read(cls: type[Study], given: dict[str, Any], where: str) -> Study:
    """Checks and fills in everything that `given` says."""
    mistakes = Mistakes()
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for unknown in sorted(given.keys() - fields.keys() - {"fit"}):
        mistakes.append(f"{where}: no key '{shortened(unknown)}'{did_you_mean(unknown, [*fields, 'fit'])}")
    fit = mistakes.catch(lambda: fit_of(given.get("fit", {}), TRAINING, f"{where}: fit"), TRAINING)
    values: dict[str, Any] = {}
    for axis in (*AXES, *JUDGES):
        entries = entries_of(axis, given.get(axis, defaults(axis, given.get("features") is True, tosses_coins(given))))
        if not entries and axis != "probes":
            mistakes.append(f"{where}: {axis}: none given; name at least one (canforget list {axis})")
        parsers = [entry(axis, e, f"{where}: {axis}[{i}]", fit) for i, e in enumerate(entries)]
        values[axis] = tuple(unique(mistakes.catch(p) for p in parsers))
    for name in [f for f in fields if f not in {*AXES, *JUDGES, "seeds"} and f in given]:
        values[name] = mistakes.catch(partial(conforming, fields[name].type, given[name], f"{where}: {name}"))
    values["seeds"] = mistakes.catch(lambda: seeds_of(given.get("seeds", 1), where), (0,))
    if values.get("noise_draws"):
        mistakes.extend(too_few(values["noise_draws"], where))
    if values.get("worlds"):
        mistakes.extend(not_worlds(values["scenarios"], where))
    if mistakes:
        raise SpecError("\n".join(mistakes))
    return cls(**values)


def tosses_coins(given: Mapping[str, Any]) -> bool:
    """Whether a study names the scenario that tosses coins."""
    named = [e.get("name") if isinstance(e, Mapping) else str(e).partition(":")[0] for e in listed(given.get("scenarios", ()))]
    return "randomized_inclusion" in named


def defaults(axis: str, features: bool = False, coins: bool = False) -> tuple[str, ...]:
    """What an axis holds when a study does not say."""
    audits = (*AUDITS, *(COIN_AUDITS if coins else ()), *(FEATURE_AUDITS if features else ()))
    return {"metrics": METRICS, "audits": audits, "quantizers": ("none",)}.get(axis, ())


def entries_of(axis: str, given: Any) -> list[Given]:
    """The entries of an axis; of probes, `true` is `code_flips` and `false` none.

    >>> entries_of("probes", True), entries_of("probes", False), entries_of("probes", "relearning")
    (['code_flips'], [], ['relearning'])
    """
    alone = str(given).lower() if axis == "probes" and isinstance(given, bool | Word) else ""
    if alone in ("true", "false"):
        return ["code_flips"] if alone == "true" else []
    return listed(given)


def listed(given: Any) -> list[Given]:
    """One entry or several, as a list."""
    return list(given) if isinstance(given, Iterable) and not isinstance(given, str | Mapping) else [given]


def entry(axis: str, given: Given, where: str, fit: Fit) -> Callable[[], Call | ModelSpec]:
    """What reads one entry of an axis; a model's table may change the fit of the study."""
    if axis != "models":
        return lambda: parse(axis, given, where)

    def read_model() -> ModelSpec:
        if isinstance(given, Mapping) and "fit" in given:
            plain = {k: v for k, v in given.items() if k != "fit"}
            return ModelSpec(parse(axis, plain, where), fit_of(given["fit"], fit, f"{where}.fit"))
        return ModelSpec(parse(axis, given, where), fit)

    return read_model


def unique(entries: Iterable[Any]) -> Iterable[Any]:
    """The entries that could be read, each once, in their order."""
    return dict.fromkeys(e for e in entries if e is not None)


MOST_SEEDS = 1000


def seeds_of(given: Any, where: str) -> tuple[int, ...]:
    """`3` as (0, 1, 2); a list as it is."""
    way_out = f"give a count from 1 to {MOST_SEEDS}, or a list of different numbers, as in [0, 1, 2]"
    if isinstance(given, int) and not isinstance(given, bool):
        if not 1 <= given <= MOST_SEEDS:
            raise SpecError(f"{where}: seeds: {shortened(str(given))}: {way_out}")
        return tuple(range(given))
    seeds: tuple[int, ...] = conforming(tuple[Seed, ...], given, f"{where}: seeds")
    if not 1 <= len(seeds) <= MOST_SEEDS or len(set(seeds)) < len(seeds):
        raise SpecError(f"{where}: seeds: {shortened(str(list(seeds)))}: {way_out}")
    return seeds


def not_worlds(scenarios: Iterable[Call], where: str) -> Iterable[str]:
    """Scenarios whose coins cannot be tossed anew for every seed."""
    for scenario in scenarios:
        if scenario.name != "randomized_inclusion":
            yield f"{where}: worlds: {scenario.label} tosses no coins; use randomized_inclusion, or leave worlds out"
        elif scenario["draw"]:
            yield f"{where}: worlds: the draw is the seed; leave out draw={scenario['draw']}"


def too_few(draws: int, where: str) -> Iterable[str]:
    """Draws of noise that the claim rule could not use."""
    from canforget.evaluation.rebound import NOISE_DRAWS

    if draws < NOISE_DRAWS:
        yield f"{where}: noise_draws: {draws} can decide nothing; give 0, or at least {NOISE_DRAWS}"
