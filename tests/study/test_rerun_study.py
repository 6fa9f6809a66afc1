"""A row is made anew from its record alone: bit for bit where nothing changed, and a figure that is off is found."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import ArtifactError, DataError
from canforget.report.record import Measured, load_records
from canforget.study.rerun_study import rerun
from tests.calling import call

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("which", [("neggrad_plus:fit.epochs=1", "int:bits=3", 1), ("retrain", "none", 0), ("nothing", "none", 1)])
def test_a_row_of_digits_is_made_again_bit_for_bit(done: Any, tmp_path: Path, which: Any) -> None:
    _, _, records = done
    record = records[which[0].partition(":")[0], which[1], which[2]]
    found = rerun(record, tmp_path, None, "cpu", [r for r in records.values() if r.case.unlearner == record.case.unlearner])
    assert found.exact and found.landed and found.changes == ()
    assert {"forget.accuracy", "test.loss", "membership.phi"} <= {v.name for v in found.landings}
    assert "bit for bit" in found.words()[0]


def test_a_figure_that_is_off_is_outside_and_other_images_are_refused(done: Any, tmp_path: Path) -> None:
    _, _, records = done
    record = records["nothing", "none", 0]
    off = replace(record, values=record.values | {"test.accuracy": Measured(0.2, (0.15, 0.25), 360)})
    found = rerun(off, tmp_path, None, "cpu")
    assert not found.landed and "did not land: 1 of" in found.words()[0] and "(test.accuracy)" in found.words()[0]
    near = replace(record, values={"test.accuracy": Measured((record.values["test.accuracy"].value or 0) + 0.001, (0.0, 1.0), 360)})
    assert (again := rerun(near, tmp_path, None, "cpu")).landed and not again.exact
    with pytest.raises(DataError, match="other images here"):
        rerun(replace(record, data={"counts": {"forget": 1}}), tmp_path, None, "cpu")
    read_otherwise = rerun(replace(record, data={"fingerprint": "0" * 64}), tmp_path, None, "cpu")
    assert read_otherwise.exact and "another fingerprint here" in read_otherwise.words()[1]
    with pytest.raises(ArtifactError, match="cannot be made anew: failed"):
        rerun(replace(record, not_run="failed"), tmp_path, None, "cpu")


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("CANFORGET_DATA_DIR"), reason="needs CIFAR-10; name its folder in CANFORGET_DATA_DIR")
def test_a_random_published_row_lands(capsys: pytest.CaptureFixture[str]) -> None:
    """CANFORGET_DATA_DIR=... CANFORGET_DRAW=7 pytest -m slow tests/study/test_rerun_study.py

    Every row trains a net of its own for ten to twenty minutes; CANFORGET_RERUN_STORE=FOLDER keeps the steps, so that it can be stopped.
    """
    draw, store = os.environ.get("CANFORGET_DRAW", str(int.from_bytes(os.urandom(2)))), os.environ.get("CANFORGET_RERUN_STORE")
    study = RESULTS / "cifar10_class"
    assert load_records(study)
    code, out, err = call(capsys, "rerun", study, "--draw", draw, *(("--store", store) if store else ()))
    with capsys.disabled():
        print(f"\ndraw {draw}: {out}{err}")
    assert code == 0, f"draw {draw}: {out}{err}"
