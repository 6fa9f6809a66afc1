"""Ed25519 keys and signed envelopes (DSSE): made, written once with narrow rights, opened only after the signature was checked."""

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

from canforget.deployment.optional import needed
from canforget.errors import ArtifactError, StoreError
from canforget.file_io import write_atomically

PAYLOAD_TYPE = "application/vnd.in-toto+json"
EXTRA = "certificate"
MOST_BYTES = 50_000_000


class DoesNotHold(ArtifactError):
    """A certificate, or a file that it speaks of, is not what was signed."""

    exit_code = 1


def new_key(path: Path) -> Path:
    """Writes a new private key that its owner alone may read, and its public key beside it; returns where that lies.

    Raises:
        ArtifactError: One of the files is there: a key is never overwritten.
    """
    signer = needed("securesystemslib.signer", EXTRA).CryptoSigner.generate_ed25519()
    public = path.with_suffix(".pub.pem")
    if public.exists() or public.is_symlink():
        raise ArtifactError(f"{public}: is there already, and a key is never overwritten; name another file")
    write_private(path, signer.private_bytes)
    serialization = needed("cryptography.hazmat.primitives.serialization", EXTRA)
    pem = serialization.load_pem_private_key(signer.private_bytes, None).public_key()
    write_atomically(public, pem.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return public


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that must not be there yet and that its owner alone may read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ArtifactError(f"{path}: is there already, and is never overwritten; name another file") from None
    except OSError as problem:
        raise StoreError(f"{path}: cannot be written: {problem.strerror or problem}") from problem


def signer_of(path: Path) -> Any:
    """What signs with the private key in a file; raises `ArtifactError` where it is none, or of another type."""
    serialization, signer = needed("cryptography.hazmat.primitives.serialization", EXTRA), needed("securesystemslib.signer", EXTRA)
    content = key_bytes(path)
    try:
        key = serialization.load_pem_private_key(content, None)
    except Exception as problem:  # the library raises whatever its parser stumbles over
        kind = "it wants a password" if "password" in str(problem).lower() else "no private key in PEM"
        raise ArtifactError(f"{path}: {kind}; canforget new-key makes one") from None
    require_ed25519(key, path)
    return signer.CryptoSigner(key)


def public_key_of(path: Path) -> Any:
    """The public key in a file; raises `ArtifactError` where it is none, of another type, or a private one."""
    serialization, signer = needed("cryptography.hazmat.primitives.serialization", EXTRA), needed("securesystemslib.signer", EXTRA)
    content = key_bytes(path)
    if b"PRIVATE KEY" in content:
        raise ArtifactError(f"{path}: is a private key, which nobody but its owner may have; pass the public one (.pub.pem)")
    try:
        key = serialization.load_pem_public_key(content)
    except Exception as problem:  # the library raises whatever its parser stumbles over
        raise ArtifactError(f"{path}: no public key in PEM ({type(problem).__name__}); pass the .pub.pem of the auditor") from None
    require_ed25519(key, path)
    return signer.SSlibKey.from_crypto(key)


def key_bytes(path: Path) -> bytes:
    """The bytes of a key's file."""
    try:
        return path.read_bytes()[:100_000]
    except OSError as problem:
        raise ArtifactError(f"{path}: cannot be read: {problem.strerror or problem}") from None


def require_ed25519(key: Any, path: Path) -> None:
    """Refuses keys of another type."""
    kind = type(key).__name__.removeprefix("_").replace("PrivateKey", "").replace("PublicKey", "")
    if not kind.startswith("Ed25519"):
        raise ArtifactError(f"{path}: a key of type {kind}; Ed25519 is wanted")


def signed(payload: bytes, key: Path) -> bytes:
    """The envelope of a payload, signed, as the bytes of its file."""
    envelope = needed("securesystemslib.dsse", EXTRA).Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer_of(key))
    return envelope_bytes(envelope)


def envelope_bytes(envelope: Any) -> bytes:
    """The one way in which an envelope is written: a file of any other bytes is not what was signed."""
    return (json.dumps(envelope.to_dict(), indent=1, sort_keys=True) + "\n").encode()


def opened_envelope(path: Path, public: Any) -> bytes:
    """The payload of a signed file; nothing of it is looked at before its signature was checked.

    Raises:
        DoesNotHold: A byte was changed, or another key signed.
        ArtifactError: No such file.
    """
    dsse, errors = needed("securesystemslib.dsse", EXTRA), needed("securesystemslib.exceptions", EXTRA)
    content = key_or_certificate(path)
    try:
        envelope = dsse.Envelope.from_dict(deepcopy(json.loads(content)))
        names = list(envelope.signatures)
    except Exception as problem:  # a changed byte may break JSON, base64, types or fields
        raise DoesNotHold(f"{path}: not a whole certificate ({type(problem).__name__}); it was changed or cut off") from None
    try:
        envelope.verify([public], 1)
    except (errors.VerificationError, errors.UnverifiedSignatureError, errors.FormatError, ValueError):
        other = public.keyid not in names
        why = (
            f"signed by another key ({', '.join(n[:12] for n in names) or 'none'}, not {public.keyid[:12]})"
            if other
            else "changed after signing"
        )
        raise DoesNotHold(f"{path}: {why}") from None
    if envelope.payload_type != PAYLOAD_TYPE or envelope_bytes(envelope) != content:
        raise DoesNotHold(f"{path}: its signature is sound, but the file is not byte for byte what was written")
    return bytes(envelope.payload)


def key_or_certificate(path: Path) -> bytes:
    """The bytes of a certificate's file."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ArtifactError(f"{path}: cannot be read: {problem.strerror or problem}") from None
    if len(content) > MOST_BYTES:
        raise ArtifactError(f"{path}: {len(content):,} bytes are too many for a certificate")
    return content
