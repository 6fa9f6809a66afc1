"""The models of a study, audited from its store."""

import json
from pathlib import Path
from typing import Any

import pytest

from canforget.auditing import standard
from canforget.cli.app import main
from canforget.cli.audit_study import audit_study
from canforget.errors import ArtifactError, SpecError
from canforget.fit_settings import Fit
from canforget.study.definition import Study
from canforget.study.run import run_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three seeds with one unlearner, run."""
    folder = tmp_path_factory.mktemp("study")
    fit = {"epochs": 2}
    planned = Study.of(
        datasets="digits", models="tiny_cnn:width=4", scenarios="whole_class:classes=3", unlearners=["gradient_ascent"], seeds=3, fit=fit, metrics="accuracy",
        audits="calibrated_membership",
    )  # fmt: skip
    assert planned.models[0].fit != Fit()
    run_study(planned, store=folder / "store", out=folder / "out", engine="serial")
    return folder


def test_every_unlearned_model_is_judged_beside_the_retrained_ones_of_all_seeds(
    study: Path, small_probes: None, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standard, "FORMATS", {name: standard.FORMATS[name] for name in ("float32", "int8")})
    monkeypatch.chdir(study)
    with pytest.raises(SystemExit) as leave:
        main(["audit", "--study", "out", "--store", "store", "--out", "audits.json", "--json"])
    assert not leave.value.code
    audits = json.loads(capsys.readouterr().out)["audits"]
    assert [a["subject"] for a in audits] == [f"gradient_ascent (seed {s})" for s in range(3)]
    assert all(a["models"] == {"original": 1, "retrained": 3, "deployed": 0} and a["whole"] for a in audits)
    assert json.loads((study / "audits.json").read_text())["audits"] == audits


def test_an_unlearner_that_is_not_there_and_a_store_without_its_models_are_one_line(study: Path) -> None:
    asked: dict[str, Any] = {"data_dir": None, "device": "cpu"}
    with pytest.raises(SpecError, match="did you mean 'gradient_ascent'"):
        list(audit_study(study / "out", study / "store", unlearners=["gradient_ascend"], **asked))
    with pytest.raises(ArtifactError, match="name the study's store by --store"):
        list(audit_study(study / "out", study / "other", unlearners=[], **asked))
