"""What a step's cost depends on: its kind, the same for steps that cost alike but for their size, and its size in images."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from canforget.evaluation.evidence import PREDICTED
from canforget.spec import canonical

Name = tuple[str, str]
Whats = Mapping[Name, Mapping[str, Any]]
"""What is to do in every step that is known, by verb and key."""
ON_GPU = ("train", "unlearn", "quantize", "predict", "noise", "probe")
"""The verbs that ask a model, and so use a GPU where there is one."""


def is_gpu(device: str) -> bool:
    """Whether a device is a GPU.

    >>> is_gpu("cuda:1"), is_gpu("cpu")
    (True, False)
    """
    return device.startswith("cuda")


@dataclass(frozen=True)
class Profile:
    """A step as far as its cost goes.

    Steps of one `kind` do the same with the same net, data set and format; fractions, rates and seeds, which cost nothing, may differ.
    `twin` is the same for steps that differ in nothing but seeds and which images they see. `images` is the size that cost goes with:
    how many images are read, nominally (for trainings times epochs); `share` that of the forget set in what is trained on, and `member`
    the component that the cost is due to.
    """

    verb: str
    kind: str
    twin: str
    images: float
    share: float
    member: str


def profile_of(name: Name, whats: Whats) -> Profile | None:
    """The profile of a step, or `None` where it, or a step that it needs, is not known.

    >>> data, net = {"name": "digits"}, {"name": "tiny_cnn", "parameters": {"width": 16}}
    >>> split = {"dataset": data, "counts": {"forget": 100, "retain": 900}, "judged_retain": 500}
    >>> train = {"split": "a", "dataset": data, "model": net, "fit": {"epochs": 3, "lr": 0.1}, "parts": ["forget", "retain"], "seed": 0}
    >>> found = profile_of(("train", "b"), {("split", "a"): split, ("train", "b"): train})
    >>> found.images, found.share, found.member
    (3000.0, 0.1, 'tiny_cnn')
    """
    try:
        what, verb = whats[name], name[0]
        split = what if verb == "split" else whats["split", what["split"]]
        about = {"verb": verb, "dataset": split["dataset"], **cost_settings(verb, what, whats)}
        counts: Mapping[str, int] = split["counts"]
        trained = counts.get("forget", 0) + counts.get("retain", 0)
        return Profile(
            verb, kind_digest(pruned(about)), kind_digest({"about": about, "counts": counts, "judged": split["judged_retain"]}),
            size(verb, what, split), counts.get("forget", 0) / trained if trained else 0.0, member_of(verb, about),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def cost_settings(verb: str, what: Mapping[str, Any], whats: Whats) -> dict[str, Any]:
    """What of a step decides its cost, without seeds and keys; models by their net and format."""
    if verb == "split":
        return {"scenario": what["scenario"]["name"]}
    if verb == "train":
        return {"net": what["model"], "fit": what["fit"]}
    if verb == "judge":
        probes = {name: asked["probe"] for name, asked in what.get("probes", {}).items()}
        rest = {
            "noise": "noise" in what,
            "rounded": "full_precision" in what,
            "coins": what.get("coins", False),
            "retrained": len(what["retrained"]),
        }
        return {"metrics": what["metrics"], "audits": what["audits"], "probes": probes, **rest}
    net, quantizer = made_of(what["quantized"] if verb == "noise" else what["model"], whats)
    own = {key: what[key] for key in ("unlearner", "quantizer", "probe", "features", "draws", "images", "coins") if key in what}
    return {"net": net, "format": quantizer, **own}


def made_of(model: Any, whats: Whats) -> tuple[Any, Any]:
    """The net of a model in the store, and the format that it is in."""
    verb, key = model
    what = whats[verb, key]
    if verb == "train":
        return what["model"], None
    net, quantizer = made_of(what["model"], whats)
    return net, what["quantizer"] if verb == "quantize" else quantizer


def size(verb: str, what: Mapping[str, Any], split: Mapping[str, Any]) -> float:
    """How many images a step reads, nominally; at least 1. Probes, which ask a fixed number, count as 1."""
    counts: Mapping[str, int] = split["counts"]
    judged = {name: counts.get(name, 0) for name in PREDICTED} | {"retain": min(counts.get("retain", 0), split["judged_retain"])}
    if verb == "train":
        found = epochs_in(what["fit"]) * sum(counts[part] for part in what["parts"])
    elif verb == "unlearn":
        found = epochs_in(what["unlearner"]) * (counts["forget"] + counts["retain"])
    elif verb == "noise":
        found = what["draws"] * sum(min(what["images"], judged.get(v, counts.get(v, 0))) for v in ("forget", "retain", "test_forget"))
    elif verb == "judge":
        found = sum(judged.values()) * (2 + len(what["retrained"]))
    else:
        found = {"split": sum(counts.values()), "quantize": counts.get("calibration", 0), "predict": sum(judged.values())}.get(verb, 1)
    return float(max(1, found))


def epochs_in(settings: Any) -> int:
    """The epochs of all fits in the settings of a component and of those within it; 1 where there are none.

    >>> epochs_in({"parameters": {"fit": {"epochs": 2}, "base": {"parameters": {"fit": {"epochs": 3}}}}})
    5
    """
    return sum(numbers_within(settings, "epochs")) or 1


def numbers_within(settings: Any, name: str) -> list[int]:
    """The whole numbers that are called `name`, however deep they lie.

    >>> numbers_within({"fit": {"batch_size": 4}, "steps": [{"batch_size": 9}]}, "batch_size")
    [4, 9]
    """
    if isinstance(settings, Mapping):
        own = [int(settings[name])] if isinstance(settings.get(name), int) else []
        return own + [found for value in settings.values() for found in numbers_within(value, name)]
    return [found for value in settings for found in numbers_within(value, name)] if isinstance(settings, list | tuple) else []


def pruned(about: Any) -> Any:
    """Without what costs nothing (fractions and rates) and what is counted in the size (epochs, draws).

    >>> pruned({"lr": 0.1, "batch_size": 64, "epochs": 3, "bits": [4, 0.5]})
    {'batch_size': 64, 'bits': [4]}
    """
    if isinstance(about, Mapping):
        return {k: pruned(v) for k, v in about.items() if not isinstance(v, float) and k not in ("epochs", "draws", "retrained")}
    return [pruned(v) for v in about if not isinstance(v, float)] if isinstance(about, list | tuple) else about


def kind_digest(about: Any) -> str:
    """A short name of some content."""
    return hashlib.sha256(canonical(about).encode()).hexdigest()[:20]


def member_of(verb: str, about: Mapping[str, Any]) -> str:
    """The name of the component that a step's cost is due to."""
    part = {"train": "net", "unlearn": "unlearner", "quantize": "quantizer", "predict": "net", "noise": "format", "probe": "probe"}.get(
        verb
    )
    return str(about[part]["name"]) if part else {"split": str(about["dataset"]["name"])}.get(verb, "metrics and audits")
