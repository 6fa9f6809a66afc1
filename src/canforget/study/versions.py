"""Versions of the machinery that decides numbers; every key holds those of the rooms and of the verb that its result rests on.

Raise a version (a room's in report/room_versions.py) when a change of the room's code can change a result: steps of that machinery get other keys and are computed anew.
A version of 1 adds nothing to a key. `tests/test_golden.py` notices a change of any of this code.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from canforget.report.room_versions import ROOMS
from canforget.spec import key_of

VERBS = {"split": 1, "train": 1, "unlearn": 1, "quantize": 1, "predict": 1, "noise": 4, "probe": 2, "judge": 3}

ATTENTION = 2
"""Of how nets that may have attention are trained: all but ours, none of which has any."""

RESTS_ON: dict[str, tuple[str, ...]] = {
    "images": ("data",),
    "split": ("data", "rng"),
    "train": ("network", "training", "deployment", "rng"),
    "unlearn": ("network", "training", "unlearning", "deployment", "rng"),
    "quantize": ("quantization", "deployment"),
    "predict": ("network",),
    "noise": ("network", "quantization", "deployment", "rng"),
    "probe": ("network", "training", "quantization", "probing", "evaluation", "deployment", "rng"),
    "judge": ("evaluation", "rng"),
}
"""The rooms that a verb's result rests on beside its inputs, whose keys hold theirs; training through rounded weights rests on rounding too."""


def step_key(verb: str, **content: Any) -> str:
    """SHA-256 of a verb, of the versions of the machinery that carries it out, and of everything else that decides its result."""
    raised = {name: version for name, version in machinery(verb, content) if version > 1}
    return key_of(verb, **content, **({"machinery": raised} if raised else {}))


def machinery(verb: str, content: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Name and version of the verb itself and of every room that it rests on."""
    if verb in VERBS:
        yield verb, VERBS[verb]
    for room in RESTS_ON[verb]:
        yield room, ROOMS[room]
    if verb in ("train", "unlearn") and rounds(content):
        yield "quantization", ROOMS["quantization"]
    if verb == "train" and not is_ours(content["model"]["name"]):
        yield "attention", ATTENTION


def is_ours(net: str) -> bool:
    """Whether a net is one of this package, not of a library or a file.

    >>> is_ours("resnet20"), is_ours("timm/vit_tiny_patch16_224"), is_ours("my_net.py:Net")
    (True, False, False)
    """
    return not {"/", ":"}.intersection(net)


def rounds(content: Any) -> bool:
    """Whether a number of bits stands anywhere in what decides a training.

    >>> rounds({"fit": {"bits": 4}}), rounds({"fit": {"bits": 0}})
    (True, False)
    """
    if isinstance(content, Mapping):
        return bool(content.get("bits")) or any(rounds(value) for value in content.values())
    return isinstance(content, list | tuple) and any(rounds(value) for value in content)
