"""Whether a certificate holds: its signature first, then every file that it speaks of, its page, and the request that it covers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canforget.auditing.certificate import statement_in
from canforget.auditing.merkle import Inclusion, included, inclusion, scope_root
from canforget.auditing.signature import opened_envelope, public_key_of
from canforget.errors import ArtifactError, DataError
from canforget.file_io import checksum, read_json


@dataclass(frozen=True)
class Verification:
    """What was checked: the files that are as they were audited, those not looked at, and everything that does not hold."""

    certificate: str
    said: str
    word: str
    matched: tuple[str, ...]
    unchecked: tuple[str, ...]
    problems: tuple[str, ...]
    root: str

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems


def verified(path: Path, files: Sequence[Path], public_key: Path) -> Verification:
    """Checks a certificate by the auditor's public key, and the files that it speaks of by their SHA-256.

    Named `files` are checked, and no others; without any, every audited file is expected beside the certificate, and evidence is checked
    where it lies there. The page beside the certificate is always checked.

    Raises:
        DoesNotHold: The certificate itself is not what was signed.
        ArtifactError: A file cannot be read, or a key is none.
    """
    statement = statement_in(opened_envelope(path, public_key_of(public_key)))
    predicate = statement["predicate"]
    subjects = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    evidence = {e["name"]: e["sha256"] for e in predicate["evidence"]["files"]}
    known = subjects | evidence
    if files:
        matched, problems = check_named(files, known)
        left = tuple(name for name in subjects if name not in matched)
    else:
        matched, problems = check_beside(path.parent, subjects, evidence)
        left = ()
    problems += check_page(path, predicate)
    return Verification(
        str(path), predicate["said"], predicate["verdict"]["word"], tuple(matched), left, tuple(problems), predicate["scope"]["root"]
    )


def check_named(files: Sequence[Path], known: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The files that are as they were audited, by their names in the certificate, and what is wrong with the others."""
    matched, problems = [], []
    for file in files:
        if not file.is_file():
            raise ArtifactError(f"{file}: {'is a folder; name a file' if file.is_dir() else 'no such file'}")
        found = checksum(file)
        same = [name for name, digest in known.items() if digest == found]
        named = [name for name in known if file.resolve().as_posix().endswith(f"/{name}") or name == file.name]
        if same:
            matched += same
        elif named:
            problems.append(f"{file}: is not the file that was audited as {named[0]}: its bytes differ")
        else:
            problems.append(f"{file}: is not among the files that were audited")
    return matched, problems


def check_beside(folder: Path, subjects: Mapping[str, str], evidence: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The same for the files that lie in the certificate's folder; audited ones must be there."""
    matched, problems = [], []
    for name, digest in {**subjects, **evidence}.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()) or not file.is_file():
            problems += [f"{name}: was audited, and is not beside the certificate; name the files to check"] if name in subjects else []
        elif checksum(file) != digest:
            problems.append(f"{file}: is not the file that was audited as {name}: its bytes differ")
        else:
            matched.append(name)
    return matched, problems


def check_page(path: Path, predicate: Mapping[str, Any]) -> list[str]:
    """What is wrong with the page beside a certificate."""
    page = path.parent / Path(predicate["page"]["name"]).name
    if page.is_file() and checksum(page) != predicate["page"]["sha256"]:
        return [f"{page}: is not the page that was made with this certificate: its bytes differ"]
    return []


def salt_in(path: Path) -> bytes:
    """The salt in a file."""
    try:
        salt = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as problem:
        raise ArtifactError(f"{path}: holds no salt of a certificate ({type(problem).__name__})") from None
    if len(salt) != 32:
        raise ArtifactError(f"{path}: a salt has 32 bytes, not {len(salt)}")
    return salt


def request_problems(found: Verification, ids: Sequence[int], salt: Path) -> list[str]:
    """What is wrong with the claim that a certificate covers exactly these ids."""
    if scope_root(salt_in(salt), ids) == found.root:
        return []
    return [f"{found.certificate}: covers another request than these {len(set(ids))} images, or the salt is not its own"]


def proof_for(found: Verification, ids: Sequence[int], salt: Path, image: int) -> Inclusion:
    """Evidence for one image of a request that the certificate covers."""
    if problems := request_problems(found, ids, salt):
        raise DataError(problems[0])
    return inclusion(salt_in(salt), ids, image)


def proof_problems(found: Verification, file: Path) -> list[str]:
    """What is wrong with the claim that a certificate covers the image of a proof."""
    plain = read_json(file)
    try:
        proof = Inclusion(int(plain["id"]), str(plain["nonce"]), tuple(map(str, plain["path"])))
        held = included(proof, found.root)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise ArtifactError(f"{file}: no proof of inclusion; canforget verify --prove ID makes one") from None
    return [] if held else [f"{file}: does not show that image {proof.id} is in the scope of this certificate"]
