from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import DamagedError
from canforget.study.collect_records import record_of


def test_a_record_says_what_made_it_what_it_cost_and_where_it_was_found(done: Any) -> None:
    drawn, _, records = done
    for case, record in zip(drawn.cases, records.values(), strict=True):
        assert record.hyperparameters == case.hyperparameters
        assert record.steps == {role: key for role, (_, key) in case.steps.items()}
        assert record.seconds.keys() == record.steps.keys()
        assert record.bytes > 0
        assert record.images_read.keys() == {"train", "unlearn"}
        assert {"roc", "scores", "per_class"} <= record.curves.keys()
        assert record.data["counts"]["forget"] == record.values["forget.accuracy"].n
        assert {"device", "threads", "instructions"} <= record.conditions.keys()
        assert {"canforget", "torch", "python"} <= record.versions.keys()
    rounded = [r for r in records.values() if r.case.quantizer != "none"]
    assert all(r.coverage for r in rounded)
    assert all(r.hyperparameters["quantizer"]["parameters"]["bits"] == 3 for r in rounded)


def test_images_are_counted_as_often_as_training_and_unlearning_read_them(done: Any) -> None:
    """Two epochs of training, one of NegGrad+ over the retain set; what a shared machine's seconds cannot say."""
    _, _, records = done
    counts = records["retrain", "none", 0].data["counts"]
    kept, every = counts["retain"], counts["retain"] + counts["forget"]
    assert records["retrain", "none", 0].images_read == {"train": 2 * every, "unlearn": 2 * kept}
    read = records["neggrad_plus", "none", 0].images_read
    assert read["train"] == 2 * every
    assert kept <= read["unlearn"] <= 3 * kept


def test_the_record_of_a_failed_case_says_which_step_failed_why_and_what_it_was_to_be(done: Any) -> None:
    drawn, store, _ = done
    case = drawn.cases[-1]
    record = record_of(case, drawn, store, {case.steps["predict"]: "diverged"})
    assert record.not_run == "predict failed: diverged"
    assert record.hyperparameters == case.hyperparameters
    assert not record.values
    assert record_of(replace(case, not_run="cannot act here"), drawn, store, {}).not_run == "cannot act here"


def test_a_record_is_never_made_of_what_is_damaged(done: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The values of a case are read once more after everything was computed."""
    import shutil

    from canforget.study.store import Store

    drawn, whole, _ = done
    shutil.copytree(whole.root, tmp_path / "store")
    store, case = Store(tmp_path / "store"), drawn.cases[0]
    (store.folder(*case.steps["judge"]) / "values.json").write_text("{}")
    with pytest.raises(DamagedError):
        record_of(case, drawn, store, {})
    assert "judge: values.json is not as it was written" in capsys.readouterr().err
