"""What a store is used for: which artifacts records and runs refer to, what those stand on, and what nothing needs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canforget.errors import ArtifactError
from canforget.file_io import read_json
from canforget.report.record import load_records
from canforget.study.run_events import EVENTS, EventReader
from canforget.study.store import STEP, Store

Name = tuple[str, str]
"""Verb and key of an artifact."""


@dataclass(frozen=True)
class Stored:
    """An artifact, or something else that lies in a store: what it is, its key, its place, its size, and how it came about in words."""

    verb: str
    key: str
    path: Path
    bytes: int
    label: str = ""


def contents(store: Store) -> list[Stored]:
    """Every artifact of a store."""
    return [store_item(store, *name) for name in store.artifacts()]


def store_item(store: Store, verb: str, key: str) -> Stored:
    """An artifact, described by what its `step.json` says, if that can be read."""
    folder = store.folder(verb, key)
    try:
        about = read_json(folder / STEP)
        label = str(about.get("label", "")) if isinstance(about, dict) else "(cannot be read)"
    except ArtifactError:
        label = "(cannot be read)" if folder.is_dir() else "(not in the cache)"
    return Stored(verb, key, folder, store.size(verb, key), label)


def leftovers(store: Store) -> list[Stored]:
    """What is no artifact: damaged ones set aside, checkpoints of trainings under way, what killed writers left."""
    paths = [p for place in ("damaged", "partial", "unfinished") for p in sorted((store.root / place).glob("*"))]
    return [Stored(p.parent.name, p.name.partition(".")[0], p, size_of(p)) for p in paths]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(p.lstat().st_size for p in [path, *path.rglob("*")] if p.is_file() and not p.is_symlink())


def keys_of_records(paths: Sequence[Path]) -> set[str]:
    """Keys of the steps that records refer to, in files or folders of results."""
    return {key for path in paths for record in load_records(path) for key in record.steps.values()}


def keys_in_use(paths: Sequence[Path]) -> set[str]:
    """The same, and those of every step of the run that writes or wrote to a folder, failed or unfinished ones among them."""
    found = set[str]()
    for path in paths:
        planned = keys_of_run(path)
        found |= planned
        if not planned or (path / "results.json").exists():
            found |= keys_of_records([path])
    return found


def keys_of_run(folder: Path) -> set[str]:
    """Keys of the steps that the run of a folder of results was to carry out."""
    plans = [e.get("steps") for e in EventReader(folder / EVENTS).new() if e["event"] == "plan"] if folder.is_dir() else []
    return {str(step[1]) for plan in plans if isinstance(plan, list) for step in plan if isinstance(step, list) and len(step) == 3}


def with_inputs(store: Store, keys: Iterable[str]) -> list[Name]:
    """The artifacts of `keys`, and all that they were made from, in order.

    Raises:
        ArtifactError: One of them is damaged, so that nobody knows what it was made from.
    """
    wanted, found = set(keys), set[Name]()
    waiting = [name for name in store.artifacts() if name[1] in wanted]
    while waiting:
        name = waiting.pop()
        if name not in found and store.holds(*name):
            found.add(name)
            waiting += made_from(store, name)
    return sorted(found)


def made_from(store: Store, name: Name) -> list[Name]:
    """What an artifact was made from."""
    why = store.damage(*name, ())
    about: Any = {} if why else read_json(store.folder(*name) / STEP)
    needs = about.get("needs", []) if isinstance(about, dict) else None
    if why or not isinstance(needs, list) or not all(isinstance(n, list) and len(n) == 2 for n in needs):
        raise ArtifactError(
            f"{store.folder(*name)}: {why or 'does not say what it was made from'}; run its study again, which makes it anew"
        )
    return [(str(verb), str(key)) for verb, key in needs]


def unneeded(store: Store, paths: Sequence[Path]) -> list[Stored]:
    """What no record and no run in `paths` refers to, directly or through what it was made from; and damaged artifacts set aside."""
    keys = keys_in_use(paths)
    kept = set(with_inputs(store, keys))
    rest = [item for item in leftovers(store) if item.verb == "damaged" or (item.verb == "partial" and item.key not in keys)]
    return [item for item in contents(store) if (item.verb, item.key) not in kept] + rest


def removed(store: Store, items: Sequence[Stored]) -> list[Stored]:
    """Removes them, but for those that somebody works on; returns those that are gone."""
    return [item for item in items if store.remove(item.path, item.key)]
