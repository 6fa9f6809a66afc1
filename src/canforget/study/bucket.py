"""Objects by name in a bucket (S3, Google Cloud, Azure) through obstore: retried with backoff, and every failure one clear line."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from canforget.errors import SpecError, StoreError, shortened

WAITS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between tries of a request: a server that restarts within about a quarter of a minute is waited for."""
T = TypeVar("T")
SCHEMES = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}


@dataclass(frozen=True)
class Found:
    """An object's content, and the tag that changes with it."""

    content: bytes
    tag: str


@dataclass(frozen=True)
class Bucket:
    """The objects whose names begin with `url`, as in s3://bucket/prefix; credentials and endpoint are obstore's, from the environment."""

    url: str

    @cached_property
    def client(self) -> Any:
        """The connection, made when it is first needed."""
        try:
            from obstore.store import from_url
        except ImportError:
            raise StoreError(f"{self.url}: a store in a bucket needs obstore: pip install 'canforget[remote]'") from None
        prefix = SCHEMES[self.url.partition(":")[0]]
        plain = os.environ.get(f"{prefix}_ALLOW_HTTP", "").lower() in ("1", "true")
        options: Any = {"connect_timeout": "5s", "read_timeout": "30s", "allow_http": plain}
        try:
            return from_url(self.url, client_options=options, retry_config={"max_retries": 0})
        except Exception as problem:
            raise SpecError(f"--store {self.url}: {first_sentence(problem)}; write s3://bucket/prefix, gs:// or az://") from None

    def get(self, name: str) -> Found | None:
        """An object, if it is there."""
        import obstore

        def ask() -> Found | None:
            try:
                answer = obstore.get(self.client, name)
                return Found(bytes(answer.bytes()), answer.meta["e_tag"] or "")
            except FileNotFoundError:
                return None

        return self.tried("read", name, ask)

    def has(self, name: str) -> bool:
        """Whether an object is there."""
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        """The bytes of an object, if it is there."""
        import obstore

        def ask() -> int | None:
            try:
                return int(obstore.head(self.client, name)["size"])
            except FileNotFoundError:
                return None

        return self.tried("read", name, ask)

    def create(self, name: str, content: bytes) -> str | None:
        """Writes an object unless there is one; returns its tag, or nothing where somebody was first.

        A write whose answer was lost is not written twice: the object that is found then is our own if it holds the same.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        tries = 0

        def ask() -> str | None:
            nonlocal tries
            tries += 1
            try:
                return obstore.put(self.client, name, content, mode="create", use_multipart=False)["e_tag"] or ""
            except AlreadyExistsError:
                found = self.get(name) if tries > 1 else None
                return found.tag if found is not None and found.content == content else None

        return self.tried("written", name, ask)

    def replace(self, name: str, content: bytes, tag: str) -> str | None:
        """Writes over the object that has this tag; returns its new tag, or nothing where it has another by now or is gone."""
        import obstore
        from obstore.exceptions import PreconditionError

        def ask() -> str | None:
            try:
                return obstore.put(self.client, name, content, mode={"e_tag": tag}, use_multipart=False)["e_tag"] or ""
            except (PreconditionError, FileNotFoundError):
                found = self.get(name)
                return found.tag if found is not None and found.content == content else None

        return self.tried("written", name, ask)

    def seize(self, name: str, content: bytes, tag: str) -> str | None:
        """The same, of an object that another one wrote."""
        return self.replace(name, content, tag)

    def delete(self, name: str) -> None:
        """Removes an object, if it is there."""
        import obstore

        def ask() -> None:
            try:
                obstore.delete(self.client, name)
            except FileNotFoundError:
                return

        self.tried("removed", name, ask)

    def names(self, folder: str = "") -> list[str]:
        """Every object's name, or those of the objects in a folder."""
        import obstore

        return self.tried("listed", folder, lambda: [o["path"] for part in obstore.list(self.client, folder) for o in part])

    def tried(self, what: str, name: str, ask: Callable[[], T]) -> T:
        """The answer to a request that is asked again, later and later, while the server does not answer as it should."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        place = f"{self.url}/{name}" if name else self.url
        for wait in (*WAITS, None):
            try:
                return ask()
            except (PermissionError, PermissionDeniedError, UnauthenticatedError) as problem:
                raise StoreError(f"{place}: cannot be {what}: {first_sentence(problem)}; see the credentials in the environment") from None
            except FileNotFoundError as problem:
                raise StoreError(f"{place}: cannot be {what}: {first_sentence(problem)}; is there such a bucket?") from None
            except BaseError as problem:
                if wait is None:
                    why = f"{first_sentence(problem)} (tried {len(WAITS) + 1} times)"
                    raise StoreError(f"{place}: cannot be {what}: {why}; what was finished is kept, run again") from None
                time.sleep(wait)
        raise AssertionError(place)


def first_sentence(problem: Exception) -> str:
    """What an error of obstore says, without the dump that follows."""
    return shortened(str(problem).partition("\n")[0].partition(": <?xml")[0], 200)


@lru_cache(maxsize=8)
def bucket_at(url: str) -> Bucket:
    """The bucket of a URL, connected to once by a process."""
    return Bucket(url)
