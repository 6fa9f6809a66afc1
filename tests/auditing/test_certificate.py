"""What a certificate says and does not say: failures first, every figure, no id, no path, no score of an image."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("securesystemslib")

from canforget.auditing.certificate import CertificateFiles, failures, sentence, statement_in, unique_names, write_certificate
from canforget.auditing.signature import new_key, opened_envelope, public_key_of
from canforget.errors import ArtifactError

IDS = [813_290_001_337, 813_290_001_441, 813_290_002_009]


@pytest.fixture
def made(tmp_path: Path, make_sheets: Any, make_account: Any, others: Any) -> Any:
    """A certificate about two files, its statement, and where everything lies."""
    retrained, original = others
    for name in ("u.safetensors", "q.onnx", "o.safetensors", "g0.safetensors"):
        (tmp_path / name).write_bytes(name.encode() * 50)
    files = [("unlearned", tmp_path / "u.safetensors"), ("quantized", tmp_path / "q.onnx"), ("original", tmp_path / "o.safetensors"),
             ("retrained", tmp_path / "g0.safetensors")]  # fmt: skip
    new_key(tmp_path / "k.pem")
    place = CertificateFiles(tmp_path / "c.json")
    write_certificate(make_account(make_sheets(original, retrained, original)), files, IDS, place, tmp_path / "k.pem")
    return statement_in(opened_envelope(place.signed, public_key_of(tmp_path / "k.pub.pem"))), place


def test_the_audited_files_are_the_subjects_and_the_others_evidence(made: Any) -> None:
    statement, _ = made
    assert [s["name"] for s in statement["subject"]] == ["u.safetensors", "q.onnx"]
    assert [f["name"] for f in statement["predicate"]["evidence"]["files"]] == ["o.safetensors", "g0.safetensors"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"


def test_every_test_has_all_that_is_needed_to_doubt_it(made: Any) -> None:
    tests = made[0]["predicate"]["tests"]
    wanted = {"value", "interval", "band", "models", "n", "detectable", "p_adjusted", "word"}
    assert all(t[key] is not None for t in tests for key in wanted)
    assert set(made[0]["predicate"]["owasp_aisvs_c12_2"]) == {"12.2.1", "12.2.2", "12.2.3"}


def test_no_id_no_path_and_no_folder_of_the_auditor_is_in_it(made: Any, tmp_path: Path) -> None:
    statement, place = made
    for text in (json.dumps(statement), place.page.read_text()):
        assert not any(str(i) in text for i in IDS)
        assert str(tmp_path) not in text
        assert "secret" not in text
        assert place.salt.read_text().strip() not in text


def test_the_salt_is_private_and_nothing_is_overwritten(
    made: Any, tmp_path: Path, make_sheets: Any, make_account: Any, others: Any
) -> None:
    _, place = made
    assert place.salt.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ArtifactError, match="never overwritten"):
        place.require_new(tmp_path / "k.pem")
    with pytest.raises(ArtifactError, match="written as .json"):
        CertificateFiles(tmp_path / "c.pdf").require_new(tmp_path / "k.pem")


def test_the_sentence_names_what_was_found_or_above_what_size_it_would_have_been(
    make_sheets: Any, make_account: Any, make_views: Any, others: Any
) -> None:
    retrained, original = others
    guilty, honest, ruined, alone = (
        make_account(make_sheets(subject, models, original))
        for subject, models in ((original, retrained), (make_views(7), retrained), (make_views(8, skill=0.0), retrained), (original, []))
    )
    assert sentence(guilty).startswith("residual influence detected: ")
    assert sentence(honest).startswith("no residual influence detected under the attacks answers (above 0.")
    assert sentence(ruined) == "utility was lost; nothing is said of forgetting"
    assert sentence(alone).startswith("no attack could be made")
    assert failures(ruined)[0].startswith("utility lost")
    assert failures(alone)[-1] == "the audit is not whole: some questions were not answered"
    assert failures(honest) == []


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = [tmp_path / a / "m.onnx" for a in "ab"] + [tmp_path / "b" / "n.onnx"]
    assert list(unique_names(paths).values()) == ["a/m.onnx", "b/m.onnx", "n.onnx"]
