"""The store of artifacts by key: written aside and moved into place at once, sealed with checksums, verified when they are read."""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from canforget.errors import ArtifactError, DamagedError, StoreError
from canforget.file_io import ABANDONED_SECONDS, checksum, clock_of, read_json
from canforget.progress import note
from canforget.study.lease import leased
from canforget.study.lease_folder import LeaseFolder

STEP = "step.json"
SEAL = "step.json.sha256"


@dataclass(frozen=True)
class Store:
    """Artifacts under `root`, each in a folder named by its verb and key.

    Its `step.json` says how it came about and holds the SHA-256 of every other file; `step.json.sha256` holds that of `step.json` itself,
    as `sha256sum -c` reads it. What is not as it was written is named in one line and moved to `damaged/`, where nothing reads it again.
    An empty file in `made/` for each tells one that somebody deleted from one that was never made. Machines may share the folder, over
    NFS too: see `lease_folder`.
    """

    root: Path

    @property
    def place(self) -> Path:
        """What a user calls the store."""
        return self.root

    def folder(self, verb: str, key: str) -> Path:
        """Where the artifact of a key lies, or will."""
        return self.root / verb / key[:2] / key

    def holds(self, verb: str, key: str) -> bool:
        """Whether the artifact is there, complete; not whether it is still as it was written."""
        return (self.folder(verb, key) / STEP).is_file()

    def artifacts(self) -> list[tuple[str, str]]:
        """Verb and key of every artifact, sound or not, in order."""
        return sorted((p.parts[-3], p.name) for p in self.root.glob("*/??/*") if p.name[:2] == p.parent.name and p.is_dir())

    def sound(self, verb: str, key: str) -> bool:
        """Whether the artifact is there as it was written, every byte of it."""
        return self.holds(verb, key) and not self.damage(verb, key)

    def damage(self, verb: str, key: str, names: Iterable[str] | None = None) -> str:
        """What is wrong with an artifact, or nothing; of its files only `names` are read, if given."""
        folder = self.folder(verb, key)
        try:
            if (folder / SEAL).read_bytes() != seal_of(folder):
                return f"{STEP} or its checksum is not as it was written"
            files: dict[str, str] = read_json(folder / STEP)["files"]
            wrong = [name for name in (files if names is None else names) if checksum(folder / name) != files.get(name)]
        except FileNotFoundError as problem:
            return f"{Path(problem.filename).name} is missing"
        except (OSError, ValueError, KeyError, TypeError, ArtifactError) as problem:
            return f"cannot be read ({problem})"
        return f"{wrong[0]} is {'empty' if not (folder / wrong[0]).stat().st_size else 'not as it was written'}" if wrong else ""

    def examine(self, verb: str, key: str) -> str:
        """What is wrong with the artifact that the store itself holds, whatever is cached; or nothing."""
        return self.damage(verb, key)

    def size(self, verb: str, key: str) -> int:
        """Bytes of an artifact."""
        return sum(p.lstat().st_size for p in self.folder(verb, key).iterdir())

    def kept(self, verb: str, key: str) -> bool:
        """Whether the artifact is there, sound; a damaged one is set aside first, a deleted one named. For who has claimed the key."""
        look_again(self.root / verb, self.folder(verb, key).parent)
        if not os.path.lexists(self.folder(verb, key)):
            self.missed(verb, key)
            return False
        why = self.damage(verb, key)
        if why:
            self.set_aside(self.folder(verb, key), f"{verb}: {why}")
            self.mark(verb, key).unlink(missing_ok=True)
        return not why

    def missed(self, verb: str, key: str) -> None:
        """Says in one line, once, that an artifact is gone that the store held."""
        with suppress(FileNotFoundError):
            self.mark(verb, key).unlink()
            note(f"deleted: {verb}: {key[:12]} is gone from the store, to be made again")

    def mark(self, verb: str, key: str) -> Path:
        """The file that says that the store holds an artifact, or did until somebody deleted it."""
        return self.root / "made" / f"{verb}.{key}"

    def require(self, verb: str, key: str, *names: str) -> Path:
        """The folder of an artifact whose files `names` are as they were written.

        Raises:
            DamagedError: The artifact is gone, or was damaged and has been set aside; it is to be computed again.
        """
        if self.damage(verb, key, names):
            with self.claimed(key):
                if not self.kept(verb, key):
                    raise DamagedError(f"{verb} {key[:12]}: was damaged or removed, again and again; check the disk, then run again")
        return self.folder(verb, key)

    def file(self, verb: str, key: str, name: str) -> Path:
        """The path of an artifact's file, verified."""
        return self.require(verb, key, name) / name

    def provenance(self, verb: str, key: str) -> dict[str, Any]:
        """How an artifact came about: its label, inputs, seconds and versions."""
        found: dict[str, Any] = read_json(self.require(verb, key) / STEP)
        return found

    def put(self, verb: str, key: str, write: Callable[[Path], None], provenance: Mapping[str, Any]) -> Path:
        """Adds an artifact: `write(folder)` fills a folder aside, which is sealed and moved into place; the first of two writers wins."""
        with self.writing(key) as aside:
            write(aside)
            seal(aside, provenance)
            self.adopt(aside, verb, key)
        return self.folder(verb, key)

    def adopt(self, folder: Path, verb: str, key: str) -> None:
        """Moves a sealed folder into its place, unless somebody was first."""
        final = self.folder(verb, key)
        final.parent.mkdir(parents=True, exist_ok=True)
        if not final.exists():
            try:
                folder.rename(final)
            except OSError:
                if not self.holds(verb, key):
                    raise
        self.mark(verb, key).parent.mkdir(exist_ok=True)
        self.mark(verb, key).touch()

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        """A fresh folder aside, removed afterwards if it was not moved. A full disk or a missing right is one clear line."""
        aside = self.root / "unfinished" / f"{key}.{uuid.uuid4().hex}"
        try:
            aside.mkdir(parents=True)
            yield aside
        except OSError as problem:
            raise StoreError(f"{self.root}: cannot be written: {problem.strerror or problem}; nothing was left half-written") from problem
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def claimed(self, key: str, timeout: float = -1) -> Iterator[None]:
        """Keeps other processes, of this machine and of others that share the folder, from computing the same key at the same time."""
        with leased(LeaseFolder(self.root), key, timeout):
            yield

    def partial(self, key: str) -> Path:
        """Where a long training may leave its checkpoint."""
        folder = self.root / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{key}.safetensors"

    def set_aside(self, path: Path, why: str) -> None:
        """Moves what is damaged to where nothing reads it, and says so in one line."""
        place = self.root / "damaged" / f"{'-'.join(path.relative_to(self.root).parts)}.{uuid.uuid4().hex[:8]}"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
        except FileNotFoundError:
            return
        except OSError as problem:
            raise StoreError(f"{path}: damaged, and cannot be moved to {place}: {problem.strerror}; delete it and run again") from None
        note(f"damaged: {why}; set aside as {place}, to be made again")

    def remove(self, path: Path, key: str) -> bool:
        """Removes an artifact's folder or a file at once, never half of it; not, and False, while somebody works on its key."""
        grave = self.root / "unfinished" / f"{key}.{uuid.uuid4().hex}"
        try:
            with self.claimed(key, timeout=0):
                grave.parent.mkdir(parents=True, exist_ok=True)
                path.rename(grave)
                self.mark(path.parent.parent.name, key).unlink(missing_ok=True)
                shutil.rmtree(grave) if grave.is_dir() else grave.unlink()
        except (Timeout, FileNotFoundError):
            return False
        except OSError as problem:
            raise StoreError(f"{path}: cannot be removed: {problem.strerror or problem}") from None
        return True

    def sweep(self) -> None:
        """Removes what killed writers left: leases, unfinished artifacts, checkpoints of trainings that are finished; nothing that is in use."""
        for lease in self.root.glob("leases/*.json"):
            with suppress(StoreError, Timeout), self.claimed(lease.stem, timeout=0):
                pass
        left = [*self.root.glob("unfinished/*"), *self.root.glob("partial/*")]
        with suppress(OSError):
            now = clock_of(self.root) if left else 0.0
            for path in left:
                self.sweep_one(path, now)

    def sweep_one(self, path: Path, now: float) -> None:
        """Removes what a killed writer left, if it is old, of no use, and nobody works on it."""
        key = path.name.split(".")[0]
        resumable = path.parent.name == "partial" and path.suffixes == [".safetensors"] and not self.holds("train", key)
        with suppress(OSError, StoreError, Timeout):
            if not resumable and now - path.lstat().st_mtime > ABANDONED_SECONDS:
                with self.claimed(key, timeout=0):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def look_again(*folders: Path) -> None:
    """Opens folders, for a client of NFS to ask its server what is in them; it may believe for a minute that what others made is not there."""
    for folder in folders:
        with suppress(OSError):
            os.scandir(folder).close()


def seal(folder: Path, provenance: Mapping[str, Any]) -> None:
    """Writes how an artifact came about and the checksums of its files, last of all the checksum of that."""
    files = {path.name: checksum(path) for path in sorted(folder.iterdir())}
    text = json.dumps({**provenance, "files": files}, indent=1, sort_keys=True) + "\n"
    (folder / STEP).write_text(text, encoding="utf-8")
    (folder / SEAL).write_bytes(seal_of(folder))


def seal_of(folder: Path) -> bytes:
    """The line that `step.json.sha256` is to hold."""
    return f"{checksum(folder / STEP)}  {STEP}\n".encode()
