import runpy
from pathlib import Path

import pytest

from canforget.testing import check_unlearner

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_your_own_model_and_tensors_go_through_the_whole_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "own_model.py"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == ["original", "retrained", "unlearned", "unlearned int8"]
    assert "forget   0.0%" in lines[1], "a retrained model has never seen the class"


def test_a_study_from_python_writes_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import canforget
    from canforget.study.run import run_study

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(canforget, "run_study", lambda study, **options: run_study(study, **options, engine="serial"), raising=False)
    runpy.run_path(str(EXAMPLES / "study.py"), run_name="__main__")
    assert len(list((tmp_path / "example-results" / "cases").glob("[0-9a-f]*.json"))) == 2 * 4 * 2 * 2
    assert "retrained" in capsys.readouterr().out


@pytest.mark.filterwarnings("error")
def test_a_method_of_your_own_in_one_file_keeps_the_contract() -> None:
    check_unlearner(runpy.run_path(str(EXAMPLES / "shrink.py"))["shrink"])


def test_a_model_file_gives_the_same_logits_in_plain_timm_and_torch(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("timm")
    example = runpy.run_path(str(EXAMPLES / "plain_timm_torch.py"))
    example["main"]()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["plain timm", "plain torch"]
    assert all(float(line.split("at most ")[1].split()[0]) < 1e-5 for line in lines)
