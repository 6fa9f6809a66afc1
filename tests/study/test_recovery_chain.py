"""The whole chain can say yes: a comeback by construction is found from plan to table; no other is."""

from pathlib import Path
from typing import Any

import pytest

from canforget.report.recovery_over_seeds import recoveries
from canforget.report.recovery_table import text
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.run import carry_out

INT4 = "int:bits=4,activations=0"
FORGETS = "fit.epochs=5,fit.lr=0.05,fit.momentum=0.9,fit.weight_decay=0"
CELLS = {"name": "within_rounding_cells", "base": f"neggrad_plus:{FORGETS}"}


def rows(folder: Path, unlearners: Any, quantizers: Any) -> tuple[dict[tuple[str, str], Any], str]:
    """What is said of the margin, three seeds, class 3 of the digits forgotten, by unlearner and format; the table, and what a run prints."""
    study = Study.of(
        datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners=unlearners, fit={"epochs": 6}, seeds=3,
        quantizers=["none", *quantizers], noise_draws=19, probes=True, judged_retain=300,
    )  # fmt: skip
    done = carry_out(plan(study), folder / "store", folder / "out")
    (block,) = recoveries(done.records)
    return {(row.unlearner.partition(":")[0], row.quantizer): row for row in block.rows}, text([block], wide=True) + done.text(wide=True)


def test_what_comes_back_by_construction_is_found_from_plan_to_table(tmp_path: Path) -> None:
    """The table had only ever said no: nothing showed that it could say anything else."""
    found, table = rows(tmp_path, [CELLS], [INT4])
    row = found["within_rounding_cells", INT4]
    assert row.claimed
    assert row.p_adjusted < 0.01
    assert row.rebound > 10
    assert row.fraction.interval[0] > 0.1, "beside noise, which undoes most of it in so small a net"
    assert row.least_fraction < row.fraction.value
    assert row.retained_projection == pytest.approx(0, abs=0.01), "the codes are the original's"
    assert "rounding brings it back: " in table
    assert f"Noise control at {INT4}: not rejected: over 6 models" in table
    assert f"noise control of the margin at {INT4}: not rejected: over 6 models" in table, "a run prints its check"


@pytest.mark.slow
def test_the_neighbor_that_keeps_the_codes_and_the_method_without_its_cells_bring_next_to_nothing_back(tmp_path: Path) -> None:
    """pytest -m slow tests/study/test_recovery_chain.py"""
    eight = "int:bits=8,activations=0"
    found, _ = rows(tmp_path, [CELLS, f"neggrad_plus:{FORGETS}"], [INT4, eight])
    assert found["within_rounding_cells", INT4].claimed
    assert found["within_rounding_cells", eight].fraction.interval[1] < 0.02
    assert not found["neggrad_plus", INT4].claimed
    assert not found["neggrad_plus", eight].claimed
