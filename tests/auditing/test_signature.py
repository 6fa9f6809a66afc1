"""Keys that nobody else may read, and envelopes of which every byte counts."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("securesystemslib")

from canforget.auditing.signature import DoesNotHold, new_key, opened_envelope, public_key_of, signed, signer_of
from canforget.errors import ArtifactError, SpecError


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "auditor.pem"
    new_key(path)
    return path


@pytest.fixture
def envelope(tmp_path: Path, key: Path) -> Path:
    path = tmp_path / "c.json"
    path.write_bytes(signed(b'{"a": 1}', key))
    return path


def test_a_private_key_is_for_its_owner_alone_and_is_never_overwritten(key: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    with pytest.raises(ArtifactError, match="is there already"):
        new_key(key)
    key.with_suffix(".pub.pem").rename(tmp_path / "aside")
    with pytest.raises(ArtifactError, match="is there already"):
        new_key(key)
    (tmp_path / "aside").rename(key.with_suffix(".pub.pem"))
    assert key.read_bytes() == before


def test_what_was_signed_is_opened_with_the_public_key(envelope: Path, key: Path) -> None:
    assert opened_envelope(envelope, public_key_of(key.with_suffix(".pub.pem"))) == b'{"a": 1}'


def test_every_changed_byte_of_an_envelope_is_found(envelope: Path, key: Path) -> None:
    """Also in white space, in the last bits of base64, and in the name of the key."""
    public, whole = public_key_of(key.with_suffix(".pub.pem")), envelope.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 32)[place % 2 :]:
            envelope.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            with pytest.raises(DoesNotHold) as found:
                opened_envelope(envelope, public)
            assert found.value.exit_code == 1
            assert "\n" not in str(found.value)
    for odd in (
        whole[:-1],
        whole + b" ",
        whole[: len(whole) // 2],
        b"",
        b"[]",
        b'{"payload": 3, "payloadType": "x", "signatures": [{}]}',
        b"[" * 10_000,
    ):
        envelope.write_bytes(odd)
        with pytest.raises(DoesNotHold):
            opened_envelope(envelope, public)


def test_another_key_and_no_signature_at_all_are_found(envelope: Path, key: Path, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.pem")
    with pytest.raises(DoesNotHold, match="signed by another key"):
        opened_envelope(envelope, public_key_of(other))
    plain = json.loads(envelope.read_text())
    envelope.write_text(json.dumps(plain | {"signatures": []}))
    with pytest.raises(DoesNotHold):
        opened_envelope(envelope, public_key_of(key.with_suffix(".pub.pem")))


def test_a_signature_under_the_name_of_the_right_key_does_not_pass(envelope: Path, key: Path, tmp_path: Path) -> None:
    """Who signs with his own key and writes the auditor's name on it."""
    new_key(tmp_path / "forger.pem")
    forged = json.loads(signed(b'{"a": 2}', tmp_path / "forger.pem"))
    forged["signatures"][0]["keyid"] = public_key_of(key.with_suffix(".pub.pem")).keyid
    envelope.write_text(json.dumps(forged, indent=1, sort_keys=True) + "\n")
    with pytest.raises(DoesNotHold, match="changed after signing"):
        opened_envelope(envelope, public_key_of(key.with_suffix(".pub.pem")))


def pem_of(kind: str, tmp_path: Path) -> tuple[Path, Path]:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

    key: Any = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048), "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ed448": ed448.Ed448PrivateKey.generate,
    }[kind]()  # fmt: skip
    private, public = tmp_path / f"{kind}.pem", tmp_path / f"{kind}.pub.pem"
    private.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.mark.parametrize("kind", ["rsa", "ec", "ed448"])
def test_a_key_of_another_type_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    private, public = pem_of(kind, tmp_path)
    with pytest.raises(ArtifactError, match="Ed25519 is wanted"):
        signer_of(private)
    with pytest.raises(ArtifactError, match="Ed25519 is wanted"):
        public_key_of(public)


def test_what_is_no_key_is_one_line(key: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00\xff")
    for read, path, said in [
        (signer_of, tmp_path / "x", "no private key"), (signer_of, tmp_path / "absent", "cannot be read"),
        (public_key_of, tmp_path / "x", "no public key"), (public_key_of, key, "is a private key"),
    ]:  # fmt: skip
        with pytest.raises(ArtifactError, match=said):
            read(path)


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "securesystemslib.signer", None)
    with pytest.raises(SpecError, match=r"pip install 'canforget\[certificate\]'"):
        new_key(tmp_path / "k.pem")
    assert not list(tmp_path.iterdir())
