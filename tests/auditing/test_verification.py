"""Whatever changed since the audit is found, and named in one line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("securesystemslib")

from canforget.auditing.certificate import CertificateFiles, write_certificate
from canforget.auditing.signature import DoesNotHold, new_key
from canforget.auditing.verification import proof_for, proof_problems, request_problems, verified
from canforget.errors import ArtifactError, DataError
from canforget.file_io import write_json

FILES = {"unlearned": "u.safetensors", "quantized": "q.onnx", "original": "o.safetensors"}
IDS = [4, 7, 11]


@pytest.fixture
def folder(tmp_path: Path, make_sheets: Any, make_account: Any, others: Any) -> Path:
    """A certificate c.json with its files, page and keys."""
    retrained, original = others
    for name in FILES.values():
        (tmp_path / name).write_bytes(name.encode() * 20)
    new_key(tmp_path / "k.pem")
    account = make_account(make_sheets(original, retrained, original))
    write_certificate(
        account, [(r, tmp_path / n) for r, n in FILES.items()], IDS, CertificateFiles(tmp_path / "c.json"), tmp_path / "k.pem"
    )
    return tmp_path


def check(folder: Path, *files: str) -> Any:
    return verified(folder / "c.json", [folder / f for f in files], folder / "k.pub.pem")


def test_a_certificate_holds_for_what_was_audited(folder: Path) -> None:
    found = check(folder)
    assert found.holds
    assert set(found.matched) == set(FILES.values())
    assert check(folder, "q.onnx").unchecked == ("u.safetensors",)


@pytest.mark.parametrize("name", [*FILES.values(), "c.html"])
def test_a_changed_byte_of_anything_it_speaks_of_is_found(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 7)):
        (folder / name).write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        found = check(folder)
        assert len(found.problems) == 1
        assert found.problems[0].startswith(f"{folder / name}: is not the ")
        (folder / name).unlink()  # a file of another state: checksums are read once a state
        (folder / name).write_bytes(whole)
    assert check(folder).holds


def test_a_changed_byte_of_the_certificate_is_found_before_anything_of_it_is_believed(folder: Path) -> None:
    whole = (folder / "c.json").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        (folder / "c.json").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DoesNotHold):
            check(folder)


def test_a_missing_audited_file_and_one_never_audited_are_found(folder: Path) -> None:
    (folder / "extra.onnx").write_bytes(b"never audited")
    assert check(folder, "extra.onnx").problems == (f"{folder / 'extra.onnx'}: is not among the files that were audited",)
    (folder / "q.onnx").rename(folder / "renamed.onnx")
    assert check(folder).problems[0].startswith("q.onnx: was audited, and is not beside the certificate")
    assert check(folder, "renamed.onnx").holds, "the same bytes under another name are the same model"
    (folder / "o.safetensors").unlink()
    assert not any("o.safetensors" in p for p in check(folder).problems), "evidence need not be handed on"
    with pytest.raises(ArtifactError, match="no such file"):
        check(folder, "absent.onnx")


def test_another_s_public_key_does_not_do(folder: Path) -> None:
    new_key(folder / "other.pem")
    with pytest.raises(DoesNotHold, match="signed by another key"):
        verified(folder / "c.json", [], folder / "other.pub.pem")


def test_the_request_that_was_audited_is_told_from_any_other(folder: Path) -> None:
    found = check(folder)
    assert request_problems(found, IDS, folder / "c.salt") == []
    assert request_problems(found, [*IDS, 12], folder / "c.salt")
    assert request_problems(found, IDS[:2], folder / "c.salt")
    (folder / "other.salt").write_text("00" * 32)
    assert request_problems(found, IDS, folder / "other.salt")
    (folder / "other.salt").write_text("00")
    with pytest.raises(ArtifactError, match="32 bytes"):
        request_problems(found, IDS, folder / "other.salt")


def test_one_image_can_be_shown_to_be_covered_without_the_others(folder: Path) -> None:
    from dataclasses import asdict

    found = check(folder)
    proof = proof_for(found, IDS, folder / "c.salt", 7)
    write_json(folder / "proof.json", asdict(proof))
    assert proof_problems(found, folder / "proof.json") == []
    write_json(folder / "proof.json", asdict(replace(proof, id=8)))
    assert proof_problems(found, folder / "proof.json")
    write_json(folder / "proof.json", {"id": 8, "nonce": "zz", "path": ["Q"]})
    with pytest.raises(ArtifactError, match="no proof of inclusion"):
        proof_problems(found, folder / "proof.json")
    with pytest.raises(DataError, match="not among"):
        proof_for(found, IDS, folder / "c.salt", 8)
