"""From model files, ours and others', to an account, a certificate, and its verification, by the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from canforget.deployment import model_file
from tests.calling import call

SCENARIO = ("--scenario", "whole_class:classes=3")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: o.safetensors, three retrained models, one of them made elsewhere (a .pth, adopted), int8 files of ours and for an engine."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("securesystemslib")
    folder = tmp_path_factory.mktemp("models")
    made = ("train", "--model", "tiny_cnn:width=8", "--dataset", "digits", "--fit", "epochs=3")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        calls: list[Any] = [(*made, "--out", "o.safetensors")]
        calls += [(*made, "--retrain", *SCENARIO, "--seed", str(s), "--out", f"g{s}.safetensors") for s in (1, 2, 3)]
        calls += [
            ("quantize", "o.safetensors", "--quantizer", "int", *SCENARIO, "--out", "q.safetensors"),
            ("export", "q.safetensors", "--out", "q.onnx"),
        ]
        calls += [("new-key", "k.pem")]
        assert [call(None, *c)[0] for c in calls] == [0] * len(calls)
        net: Any = model_file.load("g3.safetensors")
        torch.save(net.net.state_dict(), "g3.pth")
        mean, std = (",".join(map(str, getattr(net.architecture, k))) for k in ("mean", "std"))
        adopted = ("adopt", "g3.pth", "--pickle", "--model", "tiny_cnn:width=8", "--dataset", "digits", "--mean", mean, "--std", std)
        assert call(None, *adopted, "--out", "a3.safetensors")[0] == 0
    return folder


RETRAINED = ("--retrained", "g1.safetensors", "g2.safetensors", "a3.safetensors")


@pytest.fixture(scope="module")
def audited(models: Path, small_probes: None) -> Path:
    """The original audited as if it had unlearned, with a record and a certificate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(models)
        arguments = ("audit", "--standard", "--unlearned", "o.safetensors", *SCENARIO, "--quantized", "q.safetensors", "q.onnx", *RETRAINED)
        assert call(None, *arguments, "--out", "rec.json", "--certificate", "c.json", "--key", "k.pem", "--json")[0] == 0
    return models


def test_files_of_ours_and_of_others_are_judged_alike(audited: Path) -> None:
    """A net from a .pth stands among the retrained ones; what an engine runs gives the answers of its simulation."""
    record = json.loads((audited / "rec.json").read_text())
    words = {f["format"]: f["word"] for f in record["formats"]}
    assert [*words] == ["float32", "int8", "int4", "float8", "q.safetensors", "q.onnx"]
    assert {words[f] for f in ("float32", "int8", "q.safetensors", "q.onnx")} == {"residual"}
    answers = {(a["question"], a["format"]): a["value"] for a in record["answers"]}
    assert answers["answers", "q.onnx"] == answers["answers", "q.safetensors"] == answers["answers", "int8"]
    assert [f["role"] for f in record["files"]] == ["unlearned", "quantized", "quantized", *["retrained"] * 3]


def test_the_certificate_holds_until_a_byte_changes(audited: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(audited)
    verify = ("verify", "c.json", "--public-key", "k.pub.pem")
    code, out, _ = call(capsys, *verify)
    assert code == 0
    assert out.startswith("c.json: holds\nverdict: residual: residual influence detected: ")
    code, out, _ = call(capsys, "verify", "c.json", "q.onnx", "--public-key", "k.pub.pem")
    assert (code, "not checked: o.safetensors" in out) == (0, True)
    whole = (audited / "q.onnx").read_bytes()
    (audited / "q.onnx").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    code, out, err = call(capsys, *verify)
    (audited / "q.onnx").write_bytes(whole)
    assert (code, out, err) == (1, "does not hold: q.onnx: is not the file that was audited as q.onnx: its bytes differ\n", "")
    text = (audited / "c.json").read_text()
    (audited / "c.json").write_text(text.replace("A", "B", 1))
    code, out, err = call(capsys, *verify)
    (audited / "c.json").write_text(text)
    assert (code, out) == (1, "")
    assert err.startswith("canforget: c.json: ") and err.count("\n") == 1


def test_the_record_becomes_a_page_that_knows_its_certificate(audited: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(audited)
    assert call(capsys, "report", "rec.json", "-o", "page.html")[0] == 0
    page, record = (audited / "page.html").read_text(), json.loads((audited / "rec.json").read_text())
    assert record["certificate"]["file"] == "c.json"
    for words in (record["certificate"]["signed by key"], "canforget audit --standard --unlearned o.safetensors", "a3.safetensors",
                  "Membership at few false alarms", "no original model was given", "prototype, of q.onnx"):  # fmt: skip
        assert words in page, words


def test_the_scope_is_opened_by_the_ids_and_the_salt(audited: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import canforget

    monkeypatch.chdir(audited)
    ids = canforget.open_split("digits", "whole_class:classes=3").forget.ids.tolist()
    (audited / "ids.txt").write_text("\n".join(map(str, ids)))
    asked = ("verify", "c.json", "--public-key", "k.pub.pem", "--request", "ids.txt", "--salt", "c.salt")
    assert "covers exactly the request in ids.txt" in call(capsys, *asked)[1]
    code, out, _ = call(capsys, *asked, "--prove", ids[5])
    (audited / "proof.json").write_text(out)
    assert code == 0
    assert call(capsys, "verify", "c.json", "--public-key", "k.pub.pem", "--proof", "proof.json")[0] == 0
    (audited / "ids.txt").write_text("\n".join(map(str, ids[1:])))
    assert call(capsys, *asked)[0] == 1
    (audited / "ids.txt").write_text("a cat.png")
    assert call(capsys, *asked)[::2] == (2, "canforget: ids.txt:1: 'a cat.png' is no id; list ids, one a line\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "audit: nothing to audit; pass --unlearned FILE, or --study RESULTS"),
        (["--unlearned", "o.safetensors"], "o.safetensors: does not say its scenario; pass --scenario"),
        (["--unlearned", "absent.safetensors"], "absent.safetensors: no such file"),
        (["--unlearned", "q.safetensors", *SCENARIO], "audit: this model is quantized already"),
        (["--unlearned", "o.safetensors", *SCENARIO, "--retrained", "o.safetensors"], "o.safetensors: named twice"),
        (["--unlearned", "g1.safetensors", "--retrained", "o.safetensors"], "o.safetensors: was trained on the forget set, too"),
        (["--unlearned", "o.safetensors", *SCENARIO, "--certificate", "x.json"], "signed by whom? pass --key FILE"),
        (["--unlearned", "o.safetensors", *SCENARIO, "--certificate", "x.json", "--key", "o.safetensors"], "no private key in PEM"),
        (["--unlearned", "o.safetensors", *SCENARIO, "--certificate", "x.pdf", "--key", "k.pem"], "certificates are written as .json"),
        (["--study", "absent", "--unlearned", "o.safetensors"], "--study has its own models; drop --unlearned"),
        (["--study", "absent"], "absent/results.json: no such file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    models: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, arguments: Any, said: str
) -> None:
    monkeypatch.chdir(models)
    code, out, err = call(capsys, "audit", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not list(models.glob("x.*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["c.json"], "whose signature? pass --public-key FILE"),
        (["absent.json", "--public-key", "k.pub.pem"], "absent.json: cannot be read: No such file or directory"),
        (["c.json", "--public-key", "k.pem"], "is a private key"),
        (["c.json", "--public-key", "k.pub.pem", "--request", "ids.txt"], "pass both"),
    ],
)
def test_what_cannot_be_verified_is_one_line_and_exit_code_2(
    audited: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, arguments: Any, said: str
) -> None:
    monkeypatch.chdir(audited)
    code, out, err = call(capsys, "verify", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
