"""Artifacts of a store in one archive (tar): written in order without dates, read with every entry and every checksum verified."""

import re
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from canforget.errors import ArtifactError, StoreError
from canforget.file_io import appearing, read_json
from canforget.study.store import SEAL, STEP, Store
from canforget.study.store_use import Name

ENTRY = re.compile(r"([a-z][a-z_]{0,31})/([0-9a-f]{2})/(\2[0-9a-f]{6,126})/([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})")
"""Verb, beginning of the key, key and file of an entry: nothing else is taken from an archive."""
NOT_VERBS = ("damaged", "leases", "made", "partial", "unfinished")


@dataclass(frozen=True)
class Imported:
    """How many artifacts an archive held, how many of them the store did not hold yet, and the bytes of the archive."""

    artifacts: int
    added: int
    bytes: int


def export_artifacts(store: Store, names: Sequence[Name], out: Path) -> int:
    """Writes artifacts, each verified, as a tar file, at once or not at all; returns its bytes. The same artifacts give the same bytes.

    Raises:
        ArtifactError: One of them is missing or not as it was written.
    """
    for name in names:
        if why := store.damage(*name):
            raise ArtifactError(f"{store.folder(*name)}: {why}; run its study again, which makes it anew, then export")
    try:
        with appearing(out) as file:
            write_tar(file, [path for name in names for path in sorted(store.folder(*name).iterdir())], store.root)
    except OSError as problem:
        raise StoreError(f"{out}: cannot be written: {problem.strerror or problem}; nothing was left half-written") from problem
    return out.stat().st_size


def write_tar(file: IO[bytes], paths: Sequence[Path], root: Path) -> None:
    """Writes files, named from `root`, with nothing of who wrote them and when."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in paths:
            entry = tarfile.TarInfo(path.relative_to(root).as_posix())
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)


def import_artifacts(store: Store, archive: Path) -> Imported:
    """Adds what an archive holds and the store does not: all of it is verified aside before any of it is added.

    Checksums find damage and not deceit: whoever wrote the archive is believed what it says.

    Raises:
        ArtifactError: It is no tar file, an entry is no file of an artifact, or one is not as it was written.
    """
    try:
        file = archive.open("rb")
    except OSError as problem:
        raise ArtifactError(f"{archive}: cannot be read: {problem.strerror or problem}") from None
    with file, store.writing("import") as aside, store.claimed("import"):
        try:
            names = unpacked(archive, file, aside)
        except (tarfile.TarError, EOFError, ValueError) as problem:
            raise ArtifactError(f"{archive}: not a readable tar file ({problem}); export it again") from None
        fresh = Store(aside)
        for name in names:
            if why := harm_in(fresh, name):
                raise ArtifactError(f"{archive}: {name[0]} {name[1][:12]}: {why}; nothing was imported, export it again")
        added = sum(moved_in(store, name, fresh.folder(*name)) for name in names)
    return Imported(len(names), added, archive.stat().st_size)


def unpacked(archive: Path, file: IO[bytes], folder: Path) -> list[Name]:
    """Writes an archive's files below a folder, and returns the artifacts that they belong to."""
    found: dict[Name, None] = {}
    with tarfile.open(fileobj=file, mode="r:") as opened:
        for entry, content in archive_entries(archive, opened):
            verb, _, key, _ = parts_of_entry(archive, entry)
            found[verb, key] = None
            path = folder / entry.name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as target:
                shutil.copyfileobj(content, target)
            if path.stat().st_size != entry.size:
                raise ArtifactError(f"{archive}: {entry.name}: ends too early; export it again")
    if not found:
        raise ArtifactError(f"{archive}: holds no artifact; export one again")
    return list(found)


def archive_entries(archive: Path, opened: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Every entry with its content, each checked to be a file of an artifact, named once."""
    seen = set[str]()
    for entry in opened:
        parts_of_entry(archive, entry)
        content = opened.extractfile(entry)
        if content is None or entry.name in seen:
            raise ArtifactError(f"{archive}: {entry.name}: is there twice; nothing was imported")
        seen.add(entry.name)
        yield entry, content


def parts_of_entry(archive: Path, entry: tarfile.TarInfo) -> tuple[str, str, str, str]:
    """Verb, beginning of the key, key and file of an entry."""
    match = ENTRY.fullmatch(entry.name)
    if match is None or match[1] in NOT_VERBS or not entry.isreg() or entry.issparse():
        raise ArtifactError(f"{archive}: {entry.name[:80]!r}: is no file of an artifact of a store; nothing was imported")
    verb, start, key, name = match.groups()
    return verb, start, key, name


def harm_in(fresh: Store, name: Name) -> str:
    """Why what was unpacked is not an artifact as it was written, or not the one that its place says; or nothing."""
    folder = fresh.folder(*name)
    try:
        about = read_json(folder / STEP)
        listed, named = {*about["files"], STEP, SEAL}, (about["verb"], about["key"])
    except (ArtifactError, KeyError, TypeError):
        listed, named = set(), name
    if listed != {p.name for p in folder.iterdir()}:
        return f"{STEP} is missing or does not list its files"
    return f"{STEP} is that of another artifact" if named != name else fresh.damage(*name)


def moved_in(store: Store, name: Name, folder: Path) -> bool:
    """Moves an artifact into the store, unless a sound one is there already; a damaged one there is set aside."""
    with store.claimed(name[1]):
        if store.kept(*name):
            return False
        store.adopt(folder, *name)
    return True
