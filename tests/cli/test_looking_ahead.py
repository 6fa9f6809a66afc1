import json
from pathlib import Path

import pytest

from tests.calling import call

STUDY = [
    "--datasets",
    "digits",
    "--models",
    "tiny_cnn",
    "--scenarios",
    "whole_class:classes=3",
    "--unlearners",
    "ssd",
    "--set",
    "fit.epochs=1",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores and results lie in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


def test_where_nothing_is_known_the_plan_says_so_by_name_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "plan", *STUDY, "--workers", "16")
    assert code == 0
    assert "on 16 workers: at least 0 s" in out
    unknown = "unknown, counted as nothing: 1 split digits, 2 train tiny_cnn, 3 predict tiny_cnn, 1 unlearn ssd, 3 judge metrics and audits"
    assert unknown in " ".join(out.split())
    assert "--measure carries one step of each kind out on few images" in out
    _, out, _ = call(capsys, "plan", *STUDY)
    assert "workers" not in out


def test_what_was_measured_on_few_images_is_kept_for_the_next_time_and_what_was_run_is_believed_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, first, _ = call(capsys, "plan", *STUDY, "--workers", "1", "--measure", "--json")
    measured = json.loads(first)["outlook"]
    assert (code, measured["unknown"], measured["basis"]) == (0, {}, {"miniature": 10})
    _, again, _ = call(capsys, "plan", *STUDY, "--workers", "1", "--json")
    assert json.loads(again)["outlook"] == measured
    assert call(capsys, "run", *STUDY)[0] == 0
    _, out, _ = call(capsys, "plan", *STUDY, "--workers", "2")
    assert "nothing is left to do" in out
    _, out, _ = call(capsys, "plan", *STUDY, "--seeds", "2", "--workers", "2")
    assert " as they took with other seeds" in out
    assert "checked: 10 steps that took place, each estimated from the others: off by" in " ".join(out.split())


@pytest.mark.parametrize(("flags", "line"), [
    (["--gpus", "2"], "--gpus, --gpu-speed-up and --measure are about the time it takes: give --workers, too"),
    (["--measure"], "--gpus, --gpu-speed-up and --measure are about the time it takes: give --workers, too"),
])  # fmt: skip
def test_flags_about_time_ask_for_workers(capsys: pytest.CaptureFixture[str], flags: list[str], line: str) -> None:
    code, _, err = call(capsys, "plan", *STUDY, *flags)
    assert (code, err.strip()) == (2, f"canforget: {line}")


def test_nothing_is_measured_on_a_gpu_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = call(capsys, "plan", *STUDY, "--workers", "2", "--gpus", "1", "--measure")
    assert code == 2
    assert "--measure: no GPU is available here to measure on; give --gpu-speed-up" in err
    _, out, _ = call(capsys, "plan", *STUDY, "--workers", "2", "--gpus", "1")
    assert "--gpu-speed-up 20 takes a GPU to be so many times as fast as a worker here" in " ".join(out.split())
