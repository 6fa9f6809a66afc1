import json
import os
import time
from typing import Any

import pytest

from canforget.report.record import load_records
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.run import carry_out
from canforget.study.store import Store

LONG = "finetune:fit.epochs=1," + ",".join(
    f"fit.{k}={v}" for k, v in {
        "lr": 0.0123456789012, "momentum": 0.8765432109876, "weight_decay": 0.0001234567890123, "label_smoothing": 0.0123456789012345,
        "clip": 1.234567890123456, "average": 0.5123456789012345, "batch_size": 1234, "warmup": 0.1234567890123456, "optimizer": "sgd",
        "schedule": "cosine", "precision": "float32", "crop": 1, "cutout": 1, "nesterov": "true", "flip": "true",
    }.items()
)  # fmt: skip


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small study carried out once, with a case whose label is longer than a file name may be."""
    root = tmp_path_factory.mktemp("run")
    drawn = plan(
        Study.of(
            datasets="digits",
            models="tiny_cnn",
            scenarios="whole_class:classes=3",
            unlearners=[LONG, "destroyed"],
            fit={"epochs": 1},
            judged_retain=200,
        )
    )
    return root, drawn, carry_out(drawn, root / "store", root / "out")


def test_a_label_longer_than_a_file_name_ends_no_study(carried: Any) -> None:
    """A plausible label of 311 characters did, with "File name too long" and no results at all."""
    root, drawn, done = carried
    assert max(len(r.case.unlearner) for r in done.records) > 255
    assert load_records(root / "out") == list(done.records)
    index = json.loads((root / "out" / "cases" / "index.json").read_text())
    assert sorted(index) == sorted(f"{c.key}.json" for c in drawn.cases)


def test_what_was_said_of_the_controls_is_told_and_kept(carried: Any) -> None:
    root, _, done = carried
    assert "controls: 0 of 1 behaved; destroyed was called inconclusive" in done.text()  # of one seed nothing can be said
    kept = json.loads((root / "out" / "results.json").read_text())["controls"]
    assert [(c["control"], c["expected"], c["behaved"]) for c in kept] == [("destroyed", "utility lost", False)]


def test_what_is_noted_during_a_run_is_told_on_standard_error_and_the_results_are_as_before(
    carried: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    root, drawn, _ = carried
    step = next(s for s in drawn.steps if s.verb == "predict")
    (Store(root / "store").folder(*step.name) / "predictions.npz").write_bytes(b"")
    before = (root / "out" / "results.parquet").read_bytes()
    again = carry_out(drawn, root / "store", root / "out")
    assert "damaged: predict: predictions.npz is empty; set aside as " in capsys.readouterr().err
    assert again.computed == 1
    assert (root / "out" / "results.parquet").read_bytes() == before


def test_a_run_sweeps_what_killed_writers_left(carried: Any) -> None:
    root, drawn, _ = carried
    left = [root / "store" / "unfinished" / f"abc.{'0' * 32}", root / "out" / f".results.json.{'0' * 32}"]
    for path in left:
        path.write_text("half")
        os.utime(path, (time.time() - 9999,) * 2)
    carry_out(drawn, root / "store", root / "out")
    assert not any(path.exists() for path in left)
