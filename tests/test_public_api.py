"""The names that a user may count on: each listed once, each to be had, none of them dear before it is asked for."""

import subprocess
import sys
from typing import Any

import pytest

import canforget

PROMISED = {
    "Audit", "CanforgetError", "DataSet", "Evidence", "Fit", "Images", "Predictions", "Record", "Split", "Store", "Study", "Value",
    "audit", "check_audit", "check_dataset", "check_metric", "check_model", "check_probe", "check_quantizer", "check_scenario", "check_unlearner", "component", "evaluate", "export", "load", "open_split", "passes",
    "predict", "probe", "quantize", "results", "run_study", "save", "split_of", "sweep", "train", "train_", "unlearn", "wrap",
}  # fmt: skip


def test_the_public_names_are_these_and_no_others() -> None:
    """A name that is gone breaks somebody's script; one that came unnoticed binds us."""
    assert set(canforget.PUBLIC) == PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_a_public_name_can_be_had_and_says_what_it_is(name: Any) -> None:
    assert (getattr(canforget, name).__doc__ or "").strip()
    assert name in dir(canforget)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'forget_everything'"):
        canforget.forget_everything  # noqa: B018


def loaded(code: Any) -> Any:
    """Which of the dear packages a fresh interpreter has loaded after `code`."""
    report = "import sys; print(*sorted({'torch', 'typer', 'rich', 'timm', 'torchvision', 'sklearn', 'pydantic'} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True).stdout.split()


def test_importing_canforget_loads_no_torch() -> None:
    assert not loaded("import canforget; canforget.component; canforget.Fit")


def test_a_study_from_python_loads_no_command_line() -> None:
    """A notebook on a machine without typer runs studies too."""
    assert "typer" not in loaded("import canforget; canforget.run_study; canforget.Study")
