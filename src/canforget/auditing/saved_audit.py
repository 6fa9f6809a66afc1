"""Saved audits: what `canforget audit --out` or `--json` wrote, checked before it is used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from canforget.auditing.account import SCHEMA, AuditAccount
from canforget.errors import ArtifactError


@dataclass(frozen=True)
class AuditedFile:
    """A file of an audit: what it was for, where it lay, and its hash."""

    role: str
    file: str
    sha256: str


@dataclass(frozen=True)
class AuditMade:
    """How an audit of files was made: by which command, of which files, and what its certificate is known by, if one was signed."""

    command: str = ""
    files: tuple[AuditedFile, ...] = ()
    certificate: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedAudit:
    """An account, and how it was made."""

    account: AuditAccount
    made: AuditMade


def is_audit(content: Any) -> bool:
    """Whether a JSON is of an audit, or of those of a study, whatever its version.

    >>> is_audit({"schema": "canforget.audit/1"}), is_audit({"audits": []}), is_audit({"records": []})
    (True, True, False)
    """
    return isinstance(content, dict) and ("audits" in content or str(content.get("schema", "")).startswith("canforget.audit/"))


def audits_in(content: Any, path: Path) -> list[SavedAudit]:
    """The audits that the JSON of a file holds, each checked; raises `ArtifactError` for one that this version does not know, or that is not whole."""
    every = content.get("audits", [content])
    if not isinstance(every, Sequence) or isinstance(every, str) or not every:
        raise ArtifactError(f"{path}: holds no audit; make it again with canforget audit --out")
    return [checked(plain, f"{path}: audits.{k}" if "audits" in content else f"{path}") for k, plain in enumerate(every)]


def checked(plain: Any, where: str) -> SavedAudit:
    """One audit."""
    from pydantic import ValidationError

    schema = plain.get("schema") if isinstance(plain, dict) else None
    if schema != SCHEMA:
        raise ArtifactError(
            f"{where}: says that it is {schema!r}, and this canforget reads {SCHEMA}; open it with the version that made it"
        )
    try:
        account, made = adapters()
        return SavedAudit(account.validate_python(plain), made.validate_python({k: plain[k] for k in MADE if k in plain}))
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ArtifactError(
            f"{where}: not a whole {SCHEMA}: {place}: {first['msg'].lower()}; make it again with canforget audit --out"
        ) from None


MADE = ("command", "files", "certificate")


@lru_cache(maxsize=1)
def adapters() -> tuple[Any, Any]:
    """What checks and reads an account, and how it was made."""
    from pydantic import TypeAdapter

    return TypeAdapter(AuditAccount), TypeAdapter(AuditMade)
