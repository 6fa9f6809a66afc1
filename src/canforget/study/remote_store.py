"""A store in a bucket: one sealed object an artifact, written by the first of two writers, read through a cache on this machine."""

import hashlib
import io
import os
import re
import shutil
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from canforget.errors import ArtifactError, SpecError
from canforget.file_io import clock_of
from canforget.progress import note
from canforget.study.bucket import SCHEMES, Bucket, bucket_at
from canforget.study.lease import leased
from canforget.study.store import Store
from canforget.study.store_archive import harm_in, unpacked, write_tar

REMOTE = re.compile(rf"({'|'.join(SCHEMES)}):/+([^/].*)")
"""A URL of a bucket; a path that was one has lost a slash."""
OBJECT = re.compile(r"([a-z][a-z_]*)/([0-9a-f]{2})/(\2[0-9a-f]*)\.tar")
IN_USE_SECONDS = 600.0
"""A cached artifact that was read within this time may be in use, and stays."""
CACHE, CACHE_GB = "CANFORGET_CACHE_DIR", "CANFORGET_CACHE_GB"


def store_at(place: Path | str) -> Store:
    """The store that a user names: a folder, or a bucket as in s3://bucket/prefix.

    >>> store_at("canforget-store")
    Store(root=PosixPath('canforget-store'))
    >>> store_at(Path("s3://bucket/studies")).url
    's3://bucket/studies'
    """
    match = REMOTE.fullmatch(str(place))
    if match is None:
        return Store(Path(place))
    url = f"{match[1]}://{match[2].rstrip('/')}"
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "") if match[1] == "s3" else ""
    cache = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "canforget")
    return RemoteStore(cache / hashlib.sha256(f"{endpoint} {url}".encode()).hexdigest()[:16], url)


@dataclass(frozen=True)
class RemoteStore(Store):
    """Artifacts in a bucket. `root` is the cache: what lies there is verified like a store's; checkpoints under way stay there.

    The bucket decides what is finished. An artifact that it has lost is put there again from a cache that has it, or computed again.
    """

    url: str = ""

    @property
    def bucket(self) -> Bucket:
        """Where the objects are."""
        return bucket_at(self.url)

    @property
    def place(self) -> Path:
        """What a user calls the store."""
        return Path(self.url)

    def artifacts(self) -> list[tuple[str, str]]:
        """Verb and key of every artifact in the bucket, in order."""
        return sorted((m[1], m[3]) for name in self.bucket.names() if (m := OBJECT.fullmatch(name)))

    def holds(self, verb: str, key: str) -> bool:
        """Whether the bucket holds the artifact; not whether it is still as it was written."""
        return self.bucket.has(object_name(verb, key))

    def sound(self, verb: str, key: str) -> bool:
        """The same: the bytes of an artifact are verified by whoever reads them, without fetching what nobody reads."""
        return self.holds(verb, key)

    def damage(self, verb: str, key: str, names: Iterable[str] | None = None) -> str:
        """What is wrong with an artifact, which is fetched if it is not in the cache; or nothing."""
        folder = self.folder(verb, key)
        if not folder.is_dir() and (why := self.fetched(verb, key)):
            return why
        with suppress(OSError):
            os.utime(folder)
        return super().damage(verb, key, names)

    def kept(self, verb: str, key: str) -> bool:
        """Whether the artifact is in the bucket, sound; a damaged object is set aside first. For who has claimed the key."""
        if super().kept(verb, key):
            note(f"missing: {verb}: {key[:12]} is not in {self.url}, put there from this machine's cache")
            self.upload(verb, key)
            return True
        why = self.fetched(verb, key)
        if why and self.holds(verb, key):
            self.set_object_aside(verb, key, why)
        elif why:
            super().missed(verb, key)
        return not why

    def missed(self, verb: str, key: str) -> None:
        """Nothing is said of what the cache lacks: the bucket may hold it."""

    def examine(self, verb: str, key: str) -> str:
        """What is wrong with the object of an artifact, read anew; or nothing."""
        return self.fetched(verb, key, keep=False)

    def size(self, verb: str, key: str) -> int:
        """Bytes of an artifact's object."""
        return self.bucket.size(object_name(verb, key)) or 0

    def fetched(self, verb: str, key: str, keep: bool = True) -> str:
        """Brings an artifact into the cache, or only looks whether it is sound; returns why it is not, or nothing."""
        found = self.bucket.get(object_name(verb, key))
        if found is None:
            return "is not in the bucket"
        with self.writing(key) as aside:
            try:
                names = unpacked(Path(object_name(verb, key)), io.BytesIO(found.content), aside)
            except (ArtifactError, tarfile.TarError, EOFError, ValueError):
                return "the object is not as it was written"
            why = harm_in(Store(aside), (verb, key)) if names == [(verb, key)] else "the object is that of another artifact"
            if keep and not why:
                super().adopt(Store(aside).folder(verb, key), verb, key)
        return why

    def adopt(self, folder: Path, verb: str, key: str) -> None:
        """Moves a sealed folder into the cache and the bucket, unless somebody was first: then theirs counts."""
        super().adopt(folder, verb, key)
        self.upload(verb, key)

    def upload(self, verb: str, key: str) -> None:
        """Puts a cached artifact into the bucket; one that another writer put there first replaces it in the cache."""
        folder, packed = self.folder(verb, key), io.BytesIO()
        write_tar(packed, sorted(folder.iterdir()), self.root)
        if not self.holds(verb, key) and self.bucket.create(object_name(verb, key), packed.getvalue()) is not None:
            return
        found = self.bucket.get(object_name(verb, key))
        if found is not None and found.content != packed.getvalue():
            self.forget(folder)

    def forget(self, folder: Path) -> None:
        """Takes a folder out of the cache at once, never half of it."""
        grave = self.root / "unfinished" / f"{folder.name}.{uuid.uuid4().hex}"
        grave.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            folder.rename(grave)
            shutil.rmtree(grave)

    def set_object_aside(self, verb: str, key: str, why: str) -> None:
        """Moves a damaged object to where nothing reads it, and says so in one line."""
        found = self.bucket.get(object_name(verb, key))
        if found is not None:
            place = f"damaged/{verb}-{key}.{uuid.uuid4().hex[:8]}"
            self.bucket.create(place, found.content)
            self.bucket.delete(object_name(verb, key))
            self.mark(verb, key).unlink(missing_ok=True)
            note(f"damaged: {verb}: {why}; set aside as {self.url}/{place}, to be made again")

    def remove(self, path: Path, key: str) -> bool:
        """Removes an artifact from the bucket and the cache, or another file of the cache; not, and False, while somebody works on its key."""
        if path == self.folder(path.parent.parent.name, key):
            try:
                with self.claimed(key, timeout=0):
                    self.bucket.delete(object_name(path.parent.parent.name, key))
                    self.mark(path.parent.parent.name, key).unlink(missing_ok=True)
                    self.forget(path)
            except Timeout:
                return False
            return True
        return super().remove(path, key)

    @contextmanager
    def claimed(self, key: str, timeout: float = -1) -> Iterator[None]:
        """Keeps other processes, of this machine by a lock and of others by a lease, from computing the same key at the same time."""
        with super().claimed(key, timeout), leased(self.bucket, key, timeout):
            yield

    def sweep(self) -> None:
        """Removes what killed writers left on this machine, and from the cache what was not read for longest, down to its limit.

        Raises:
            StoreError: The bucket cannot be reached: said at once, before anything is computed.
        """
        self.bucket.names("leases")
        super().sweep()
        folders = [f for f in self.root.glob("*/??/*") if f.is_dir()]
        aged = sorted((f.stat().st_mtime, f, sum(p.stat().st_size for p in f.iterdir())) for f in folders)
        over = sum(size for _, _, size in aged) - cache_bytes()
        now = clock_of(self.root) if over > 0 else 0.0
        for read, folder, size in aged:
            if over > 0 and now - read > IN_USE_SECONDS:
                self.forget(folder)
                over -= size


def object_name(verb: str, key: str) -> str:
    """The name of an artifact's object."""
    return f"{verb}/{key[:2]}/{key}.tar"


def cache_bytes() -> float:
    """How much the cache may hold: 20 GB, unless the environment says otherwise."""
    try:
        return float(os.environ.get(CACHE_GB, "20")) * 1e9
    except ValueError:
        raise SpecError(f"{CACHE_GB}: write a number of gigabytes, as in 20") from None
