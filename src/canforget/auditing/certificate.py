"""The certificate of an audit: an in-toto statement about the audited files, failures first, with everything needed to doubt it."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from canforget.auditing import standard
from canforget.auditing.account import AuditAccount
from canforget.auditing.merkle import TREE, scope_root
from canforget.auditing.page import certificate_page
from canforget.auditing.signature import signed, signer_of, write_private
from canforget.auditing.words import certainty, shown_p, without_power
from canforget.errors import ArtifactError
from canforget.file_io import checksum, write_atomically
from canforget.report.verdict import CONSISTENT, INCONCLUSIVE, RESIDUAL, UTILITY_LOST

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:canforget:unlearning-audit:1"
AUDITED = ("unlearned", "quantized")
"""The roles of the files that a certificate is about; the others are evidence."""


@dataclass(frozen=True)
class CertificateFiles:
    """Where a certificate goes: the signed file, the page beside it, and the salt, which stays with the auditor."""

    signed: Path

    @property
    def page(self) -> Path:
        """What a person reads."""
        return self.signed.with_suffix(".html")

    @property
    def salt(self) -> Path:
        """What opens the scope; private."""
        return self.signed.with_suffix(".salt")

    def require_new(self, key: Path) -> None:
        """Refuses, before anything is computed, what could not be written or signed afterwards."""
        if self.signed.suffix != ".json":
            raise ArtifactError(f"{self.signed}: certificates are written as .json; name the file so")
        for path in (self.signed, self.page, self.salt):
            if path.exists() or path.is_symlink():
                raise ArtifactError(f"{path}: is there already, and a certificate is never overwritten; name another file")
        signer_of(key)


def write_certificate(
    account: AuditAccount, files: Sequence[tuple[str, Path]], ids: Sequence[int], place: CertificateFiles, key: Path
) -> dict[str, str]:
    """Writes the signed certificate of an account about `files` (role, path), its page, and the salt of its scope; returns what it is known by."""
    place.require_new(key)
    salt = secrets.token_bytes(32)
    predicate = predicate_of(account, files, scope_root(salt, ids), datetime.now(UTC).isoformat(timespec="seconds"))
    subjects = subjects_of(files)
    page = certificate_page(predicate, subjects).encode()
    predicate["page"] = {"name": place.page.name, "sha256": sha256(page).hexdigest()}
    statement = {"_type": STATEMENT, "subject": subjects, "predicateType": PREDICATE, "predicate": predicate}
    content = signed(json.dumps(statement, sort_keys=True, allow_nan=False, ensure_ascii=False).encode(), key)
    write_private(place.salt, salt.hex().encode() + b"\n")
    write_atomically(place.page, page)
    write_atomically(place.signed, content)
    return {
        "file": place.signed.name,
        "sha256": sha256(content).hexdigest(),
        "signed by key": str(signer_of(key).public_key.keyid),
        "scope": predicate["scope"]["root"],
        "made": predicate["made"],
    }


def subjects_of(files: Sequence[tuple[str, Path]]) -> list[dict[str, Any]]:
    """The audited files as a statement names them."""
    named = unique_names([path for _, path in files])
    return [{"name": named[path], "digest": {"sha256": checksum(path)}} for role, path in files if role in AUDITED]


def unique_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A short name for every file: its own, with as much of its folders in front as tells it from the others."""
    found = {}
    for path in paths:
        parts = path.resolve().parts
        depth = 1
        while sum(p.resolve().parts[-depth:] == parts[-depth:] for p in paths) > 1 and depth < len(parts):
            depth += 1
        found[path] = "/".join(parts[-depth:])
    return found


def predicate_of(account: AuditAccount, files: Sequence[tuple[str, Path]], root: str, made: str) -> dict[str, Any]:
    """All that a certificate says, failures first; no id, no score of a single image, no path."""
    named = unique_names([path for _, path in files])
    return {
        "said": sentence(account),
        "how_sure": certainty(account),
        "verdict": {"word": account.word, "formats": [asdict(f) for f in account.formats]},
        "failures": failures(account),
        "limits": [*standard.LIMITS, *(f"not answered: {line}" for line in account.unanswered), *not_asked(account)],
        "standard": account.standard,
        "made": made,
        "scope": {"design": account.design, "images": account.counts["forget"], "root": root, "tree": TREE},
        "threat_model": {"attackers": list(standard.THREATS), "attacks": {q.name: q.attack for q in standard.QUESTIONS}},
        "tests": [asdict(a) for a in account.answers],
        "epsilon_lower_bound": account.epsilon,
        "changes_by_rounding": [asdict(c) for c in account.changes],
        "flags": [asdict(f) for f in account.flags],
        "calibration": account.calibration,
        "evidence": {
            "images_sha256": account.data["images_sha256"],
            "dataset": account.data.get("dataset", "").partition(":")[0],
            "predictions_sha256": account.evidence,
            "counts": account.counts,
            "models": account.models,
            "files": [{"role": role, "name": named[p], "sha256": checksum(p)} for role, p in files if role not in AUDITED],
        },
        "owasp_aisvs_c12_2": standard.AISVS,
        "versions": account.versions,
    }


def not_asked(account: AuditAccount) -> list[str]:
    """A line for every format of which some questions could not be asked, for an engine runs it."""
    return [f"not asked of {f.format}, which an engine runs: {', '.join(f.not_asked)}" for f in account.formats if f.not_asked]


def sentence(account: AuditAccount) -> str:
    """What may be said in one sentence: what was found, or above what size something would have been."""
    if account.word == UTILITY_LOST:
        return "utility was lost; nothing is said of forgetting"
    if account.failures:
        worst = account.failures[0]
        kind = "residual influence" if worst.word == RESIDUAL else "over-forgetting, which tells the forget set as well,"
        return f"{kind} detected: {worst.question} in {worst.format}, {worst.reason}"
    seen: dict[str, float] = {}
    for answer in account.answers:
        if answer.word in (CONSISTENT, INCONCLUSIVE) and answer.detectable is not None:
            seen[answer.question] = max(seen.get(answer.question, 0.0), answer.detectable)
    under = ", ".join(f"{name} (above {size:.3f})" for name, size in seen.items())
    blunt = without_power(account.answers)
    parts = [
        f"no residual influence detected under the attacks {under}" if seen else "no attack could be made that would have seen anything"
    ]
    parts += [f"without power: {', '.join(blunt)}"] if blunt else []
    return "; ".join(parts + (["the audit is inconclusive"] if account.word == INCONCLUSIVE else []))


def failures(account: AuditAccount) -> list[str]:
    """What speaks against the model and against the audit itself, the gravest first."""
    lost = [f"utility lost in {f.format}: {f.reason}" for f in account.formats if f.word == UTILITY_LOST]
    found = [f"{a.word}: {a.question} in {a.format}: {a.reason} (p {shown_p(a.p_adjusted or 0.0)})" for a in account.failures]
    odd = [f"the audit may be wrong: {flag.name}: {flag.said}" for flag in account.raised]
    open_ones = ["the audit is not whole: some questions were not answered"] if not account.whole else []
    return [*lost, *found, *odd, *open_ones]


def statement_in(payload: bytes) -> Mapping[str, Any]:
    """The statement in a payload whose signature was checked; raises `ArtifactError` for one of another kind."""
    found = json.loads(payload)
    if not isinstance(found, dict) or (found.get("_type"), found.get("predicateType")) != (STATEMENT, PREDICATE):
        raise ArtifactError("signed, but no certificate of a canforget audit, or one of a later canforget")
    return found
