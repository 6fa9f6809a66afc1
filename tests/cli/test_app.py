import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from canforget.cli.app import HELP, commands, main, repeated_flags
from tests.calling import call


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model file trained on digits by the command line."""
    path = tmp_path_factory.mktemp("files") / "original.safetensors"
    with pytest.raises(SystemExit) as leave:
        main(["train", "--model", "tiny_cnn", "--dataset", "digits", "--out", str(path), "--fit", "epochs=3"])
    assert not leave.value.code
    return path


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "train",
        "adopt",
        "unlearn",
        "quantize",
        "evaluate",
        "audit",
        "verify",
        "new-key",
        "export",
        "plan",
        "run",
        "watch",
        "show",
        "results",
        "compare",
        "rerun",
        "list",
        "check",
    ],
)
def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str], command: Any) -> None:
    code, out, _ = call(capsys, command, "--help")
    assert code == 0
    assert f"Example: canforget {command}" in out.replace("\n  ", " ")
    assert "--json" in out


def test_help_names_every_command_in_its_groups() -> None:
    named = re.findall(r"[a-z-]+", HELP.split("On files:")[1].split("Example:")[0])
    assert sorted(set(named) - {"n", "studies", "components"}) == sorted(commands())


def test_help_imports_nothing_heavy() -> None:
    code = "import sys\nfrom canforget.cli.app import main\ntry: main(['--help'])\nexcept SystemExit: pass\nsys.exit(bool({'torch', 'pydantic_core', 'pyarrow', 'scipy'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code.replace("pydantic_core", "sklearn")], check=False, capture_output=True).returncode == 0
    )


@pytest.mark.parametrize(
    ("asked", "engine", "said"),
    [
        ([], "processes", True),
        (["--engine", "serial"], "serial", False),
        (["--workers", "3"], "processes", False),
        (["--step-limit", "60"], "processes", False),
        (["--seeds", "1"], "serial", False),  # few steps
    ],
)
def test_a_study_that_names_no_engine_gets_one_that_suits_it_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any, tmp_path: Path, asked: list[str], engine: str, said: bool
) -> None:
    ran: dict[str, Any] = {}
    monkeypatch.setattr("canforget.study.engine_choice.usable_cores", lambda: 2)
    monkeypatch.setattr("canforget.study.engine_choice.memory_limit", lambda: 2**36)
    monkeypatch.setattr("canforget.cli.carry_out.run_plan", lambda plan, **settings: ran.update(settings))
    study = "--datasets digits --models tiny_cnn --scenarios whole_class:classes=3 --unlearners scrub finetune --quantizers none int"
    asked = asked if "--seeds" in asked else ["--seeds", "3", *asked]
    code, out, err = call(capsys, "run", *study.split(), *asked, "--store", tmp_path)
    assert (code, out, ran["engine"]) == (0, "", engine)
    assert (" steps, 2 at a time in processes of their own (one at a time: --engine serial)" in err) == said


def test_planning_and_running_load_no_network_library_and_no_optimizer() -> None:
    """A plan is looked at many times before it is run; scipy's optimizers alone take a third of the time to import it."""
    code = "import sys, canforget.commands.plan, canforget.commands.run; print(sorted({'torch', 'sklearn', 'scipy.optimize'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lst"], "no command 'lst'; did you mean 'list'? (canforget --help)"),
        (["list", "unlearner"], "no family 'unlearner'; did you mean 'unlearners'?"),
        (["list", "unlearners", "scurb"], "did you mean 'scrub'?"),
        (["run", "absent.toml"], "absent.toml: no such study file"),
        (["show", "absent"], "absent/results.json: no such file"),
        (["train", "--model", "tiny_cnn", "--dataset", "digits", "--out", "x.pth"], "x.pth: models are written as .safetensors"),
        (["train", "--model", "tiny_cnn", "--dataset", "digits", "--fit", "epoch=3"], "--fit has no field 'epoch'; did you mean 'epochs'?"),
        (["train", "--model", "tiny_cnn", "--dataset", "digits", "--retrain"], "name it by --scenario"),
        (["train", "--model", "tiny_cnn", "--dataset", "digits", "--device", "cdua"], "no device 'cdua'; did you mean 'cuda'?"),
        (["check", "absent.py"], "absent.py: no such plugin file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, message: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not out
    assert not list(tmp_path.iterdir()), "nothing half-written"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("run --models a b --seeds 3 --json", "run --models a --models b --seeds 3 --json"),
        ("run --models a --models b", "run --models a --models b"),
        ("run --models=a b --seeds=3", "run --models a --models b --seeds 3"),
        ("run --unlearners scrub study.toml --json", "run --unlearners scrub study.toml --json"),
        ("plan --seeds -1 2", "plan --seeds -1 --seeds 2"),
        ("show r --columns code_flips test.loss", "show r --columns code_flips --columns test.loss"),
        ("evaluate m --retrained a.toml", "evaluate m --retrained a.toml"),
    ],
)
def test_flags_that_take_lists_may_be_repeated_or_followed_by_several_names(given: Any, wanted: Any) -> None:
    """And the study's file behind a list was taken for one of its names."""
    assert repeated_flags(given.split()) == wanted.split()


def test_a_study_is_found_behind_a_list(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text('datasets = "digits"\nmodels = "tiny_cnn"\nscenarios = "whole_class:classes=3"\n')
    code, out, err = call(capsys, "plan", "--unlearners", "scrub", "s.toml", "--set", "fit.epochs=2")
    assert (code, err) == (0, "")
    assert "3 cases" in out


def test_without_a_command_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys)
    assert code == 0
    assert "Commands:" in out


def test_fields_of_a_fit_are_set_one_by_one_over_those_of_the_file(tmp_path: Path) -> None:
    from canforget.cli.options import study_of

    path = tmp_path / "s.toml"
    path.write_text('datasets="digits"\nmodels="tiny_cnn"\nscenarios="whole_class:classes=1"\nunlearners="scrub"\n[fit]\nlr = 0.5\n')
    fit = study_of(path, {}, ["fit.epochs=3"]).models[0].fit
    assert (fit.epochs, fit.lr) == (3, 0.5)


def test_files_go_in_and_files_come_out(capsys: pytest.CaptureFixture[str], tmp_path: Path, original: Any) -> None:
    """A user with one model needs no study: train, unlearn, quantize, evaluate, each on its own."""
    unlearned, int8, values = tmp_path / "u.safetensors", tmp_path / "q.safetensors", tmp_path / "values.json"
    scenario = ["--scenario", "whole_class:classes=3"]
    code, out, _ = call(capsys, "unlearn", original, "--unlearner", "neggrad_plus:fit.epochs=1", *scenario, "--out", unlearned, "--json")
    assert code == 0
    assert json.loads(out)["unlearner"] == "neggrad_plus:fit.epochs=1"
    assert call(capsys, "quantize", unlearned, "--quantizer", "int:bits=8", "--out", int8)[0] == 0
    assert int8.stat().st_size < 0.5 * unlearned.stat().st_size
    code, out, _ = call(capsys, "evaluate", int8, "--original", original, "--out", values)
    assert code == 0
    assert "forget.accuracy" in out
    assert "not run: " in out  # no retrained models were given
    assert "The models compared with were judged in int:bits=8." in out
    found = json.loads(values.read_text())
    assert found["scenario"] == "whole_class:classes=3"
    assert found["values"]["val.accuracy"]["value"] > 0.5
    assert call(capsys, "report", values, "-o", tmp_path / "page.html")[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert f"canforget evaluate {int8} --original {original} --out {values}" in page
    assert "One model at hand, beside the original." in page


def test_a_model_file_that_does_not_say_its_scenario_asks_for_it(capsys: pytest.CaptureFixture[str], original: Any) -> None:
    code, _, err = call(capsys, "evaluate", original)
    assert code == 2
    assert "does not say its scenario; pass --scenario" in err


def test_a_truncated_model_file_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, original: Any) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(original.read_bytes()[:1000])
    code, _, err = call(capsys, "quantize", path, "--quantizer", "int")
    assert code == 2
    assert str(path) in err


def test_a_pickle_is_not_opened(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "model.pth"
    path.write_bytes(pickle.dumps({"a": 1}))
    code, _, err = call(capsys, "evaluate", path, "--scenario", "whole_class:classes=3", "--dataset", "digits")
    assert code == 2
    assert "pickle" in err


def test_weights_made_elsewhere_are_adopted_and_a_pickle_only_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, original: Any
) -> None:
    """A .pth is a pickle: it is read only when the user says so, and then without running what it says."""
    import torch

    import canforget

    model = canforget.load(original)
    weights, adopted = tmp_path / "net.pth", tmp_path / "adopted.safetensors"
    torch.save(model.get_submodule("net").state_dict(), weights)
    arguments = ["adopt", weights, "--model", "tiny_cnn", "--dataset", "digits", "--out", adopted]
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert "pickle" in err
    assert not adopted.exists()
    code, _, err = call(
        capsys,
        *arguments,
        "--pickle",
        "--mean",
        str(float(model.get_buffer("normalize.mean"))),
        "--std",
        str(float(model.get_buffer("normalize.std"))),
    )
    assert code == 0, err
    pixels = torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8)
    assert torch.allclose(canforget.load(adopted)(pixels), model(pixels), atol=1e-5)
    assert call(capsys, *arguments, "--pickle", "--mean", "1,2")[0] == 2


STUDY = ["--datasets", "digits", "--models", "tiny_cnn", "--scenarios", "whole_class:classes=3", "--unlearners", "finetune:fit.epochs=1", "--quantizers", "none", "int", "--seeds", "2"]  # fmt: skip


def test_a_study_from_flags_runs_and_the_second_run_computes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    toml = tmp_path / "s.toml"
    toml.write_text("[fit]\nepochs = 2\n")
    code, first, _ = call(capsys, "run", toml, *STUDY)
    assert code == 0
    assert first.startswith("Did tiny_cnn forget") and "\n  retrained " in first
    before = (tmp_path / "canforget-results" / "results.json").read_bytes()
    code, second, _ = call(capsys, "run", toml, *STUDY)
    assert "0 steps computed" in second
    assert first.split("12 cases")[0] == second.split("12 cases")[0]
    assert (tmp_path / "canforget-results" / "results.json").read_bytes() == before
    code, shown, _ = call(capsys, "show", "canforget-results", "--quantizer", "int")
    assert code == 0
    assert "finetune" in shown
    code, planned, _ = call(capsys, "plan", toml, *STUDY)
    assert "0 still to do" in planned
    code, planned, _ = call(capsys, "plan", toml, *STUDY, "--set", "noise_draws=19", "probes=true")
    assert "noise" in planned
    assert "probe" in planned
    code, shown, _ = call(capsys, "show", "canforget-results", "--recovery")
    assert code == 0
    assert any(said in shown for said in ("othing may be claimed", "had not forgotten before rounding"))
    assert json.loads(call(capsys, "show", "canforget-results", "--recovery", "--json")[1])[0]["measure"] == "margin"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", *STUDY, "--set", "noise_drawz=3"], "no key 'noise_drawz'; did you mean 'noise_draws'?"),
        (["plan", *STUDY, "--set", "noise_draws"], "--set: noise_draws: write key=value, as in noise_draws=20"),
        (["plan", *STUDY, "--set", "seeds=3"], "seeds have --seeds"),
    ],
)
def test_keys_that_are_none_are_told(capsys: pytest.CaptureFixture[str], arguments: Any, said: Any) -> None:
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert said in err


def test_a_record_is_made_anew_from_its_file_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = "--datasets digits --models tiny_cnn --scenarios whole_class:classes=3 --unlearners finetune:fit.epochs=1 --set fit.epochs=1"
    assert call(capsys, "run", *study.split())[0] == 0
    code, out, _ = call(capsys, "rerun", "canforget-results@finetune")
    assert code == 0 and "made again bit for bit" in " ".join(out.split()) and " exactly" in out
    assert "means 3 records; name one" in call(capsys, "rerun", "canforget-results")[2]
    assert json.loads(call(capsys, "rerun", "canforget-results", "--draw", "3", "--json")[1])["exact"] is True


def test_the_schema_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "show", "--schema")
    assert code == 0
    assert json.loads(out)["title"] == "canforget.record/1"


def test_components_are_listed_with_their_hyperparameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert "salun" in call(capsys, "list", "unlearners")[1]
    listed = json.loads(call(capsys, "list", "unlearners", "scrub", "--json")[1])
    assert listed["hyperparameters"]["alpha"]["default"] == 0.001
    assert listed["hyperparameters"]["alpha"]["type"] == "float >= 0"
    assert listed["hyperparameters"]["fit"]["fields"]["epochs"] == "int in [1, 100000]"
    assert re.search(r"  bits +int in \[2, 8\] = 8\n", call(capsys, "list", "quantizers", "int")[1])
    wrapper = call(capsys, "list", "unlearners", "sure")[1]
    assert "base  one of unlearners = 'neggrad_plus:" in wrapper
    assert "fit.momentum" in call(capsys, "list", "unlearners", "scrub")[1]
    assert "unlearners" in call(capsys, "list")[1]
