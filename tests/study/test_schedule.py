import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import SpecError
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.planned_steps import Step
from canforget.study.run import run
from canforget.study.schedule import ROUNDS, Job, explained, missing
from canforget.study.store import Store


def small(**changes: Any) -> Any:
    given = {
        "datasets": "digits",
        "models": "tiny_cnn",
        "scenarios": "whole_class:classes=3",
        "unlearners": "finetune:fit.epochs=1",
        "fit": {"epochs": 1},
    }
    return plan(Study.of(**given | changes))


def test_a_run_gives_a_record_a_case_and_running_again_computes_nothing(tmp_path: Path) -> None:
    drawn = small()
    seen: list[Any] = []
    first = run(drawn, tmp_path)
    again = run(drawn, tmp_path, notify=seen.append)
    assert first == again
    assert {o.status for o in seen} == {"cached"}
    assert not missing(drawn, Store(tmp_path))
    assert [r.case.unlearner for r in first] == ["retrain", "nothing", "finetune:fit.epochs=1"]
    assert first[0].values["forget.accuracy"].value == 0.0


def test_results_do_not_depend_on_the_engine(tmp_path: Path) -> None:
    """Two cores' worth of processes or one: the name and the numbers of a result are the same."""
    drawn = small(quantizers=["none", "int"])
    one = run(drawn, tmp_path / "a")
    two = run(drawn, tmp_path / "b", engine="processes", workers=2)
    assert [r.steps for r in one] == [r.steps for r in two]
    assert [r.values["test.accuracy"].value for r in one] == pytest.approx([r.values["test.accuracy"].value for r in two], abs=0.02)


def test_a_diverging_method_is_an_error_of_its_case_alone(tmp_path: Path) -> None:
    records = run(small(unlearners=["finetune:fit.epochs=1,fit.lr=1e30"]), tmp_path)
    assert [bool(r.not_run) for r in records] == [False, False, True]
    assert "diverged" in records[2].not_run


def test_a_method_that_cannot_act_on_a_scenario_is_not_run_with_its_reason(tmp_path: Path) -> None:
    drawn = small()
    refused = [c for c in drawn.cases if c.not_run]
    assert refused == []


def test_an_unknown_engine_is_named_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no engine 'proceses'; did you mean 'processes'"):
        run(small(), tmp_path, engine="proceses")


def test_control_c_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    """The command line leaves with one line; the same command goes on."""
    command = [sys.executable, "-m", "canforget", "run", "--datasets", "digits", "--models", "tiny_cnn", "--scenarios", "whole_class:classes=3",
               "--unlearners", "finetune", "--seeds", "9"]  # fmt: skip
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a suite started in the background ignores it, and so would its child
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    done = tmp_path / "canforget-store" / "train"
    deadline = time.monotonic() + 60
    while not (done.exists() and any(done.glob("*/*/step.json"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; what was finished is kept" in err
    assert "Traceback" not in err
    assert any(done.glob("*/*/step.json"))


FAULTS = '''"""Methods that go wrong."""
from canforget import component

class Odd(BaseException): ...

def deeper(n): return deeper(n + 1)

@component("unlearners")
def divides(model, forget, retain, *, rng):
    """Divides by nothing."""
    return 1 / 0

@component("unlearners")
def leaves(model, forget, retain, *, rng):
    """Ends the program."""
    raise SystemExit(3)

@component("unlearners")
def recurses(model, forget, retain, *, rng):
    """Never returns."""
    return deeper(0)

@component("unlearners")
def hoards(model, forget, retain, *, rng):
    """Wants more memory than there is."""
    raise MemoryError

@component("unlearners")
def odd(model, forget, retain, *, rng):
    """Raises what is no Exception, over two lines."""
    raise Odd("one\\ntwo")
'''


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A plugin of methods that go wrong, each in its way."""
    from canforget.registry import add_plugin

    path = tmp_path_factory.mktemp("plugin") / "faults.py"
    path.write_text(FAULTS)
    add_plugin(path, prefix="faulty")
    return path


def test_whatever_a_method_raises_costs_its_own_cases_and_no_other(tmp_path: Path, faulty: Any) -> None:
    """A plugin that called exit() ended the study, and a RecursionError left no record at all."""
    text = faulty.read_text().splitlines()
    causes = {"divides": "1 / 0", "leaves": "raise SystemExit", "recurses": "return deeper(n", "hoards": "raise Mem", "odd": "raise Odd"}
    methods = {m: next(n for n, line in enumerate(text, 1) if cause in line) for m, cause in causes.items()}
    drawn = small(unlearners=[*(f"faulty/{m}" for m in methods), "finetune:fit.epochs=1"])
    records = {r.case.unlearner: r for r in run(drawn, tmp_path)}
    kinds = (
        "raised ZeroDivisionError: division by zero",
        "called exit(3)",
        "raised RecursionError: ",
        "raised MemoryError",
        "raised Odd: one two",
    )
    for (method, line), kind in zip(methods.items(), kinds, strict=True):
        why = records[f"faulty/{method}"].not_run
        assert why.startswith(f"unlearn failed: {faulty}:{line}: ")
        assert kind in why
        assert "\n" not in why
    assert records["finetune:fit.epochs=1"].values["forget.accuracy"].n
    assert records["nothing"].values["forget.accuracy"].n


def test_control_c_inside_a_method_still_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("canforget.study.schedule.compute", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(small(), tmp_path)


def test_an_error_of_ours_is_told_as_it_is_and_another_with_its_kind() -> None:
    assert explained(SpecError("no such thing")) == "no such thing"
    assert explained(ValueError("a\n  b")) == "raised ValueError: a b"


def flip(path: Any) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def told(records: Any) -> Any:
    """What must not differ between two runs: everything but how long it took."""
    return [(r.case, r.values, r.not_run, r.verdict, r.hyperparameters, r.bytes, r.coverage, r.data, r.steps) for r in records]


def test_a_flipped_bit_in_any_artifact_is_named_and_gives_the_same_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], done: Any
) -> None:
    """Of 72 corrupted artifacts 20 gave other records without a word."""
    drawn, whole, records = done
    shutil.copytree(whole.root, tmp_path / "store")
    store, harmed = Store(tmp_path / "store"), {}
    for step in drawn.steps:
        if step.verb not in harmed:
            harmed[step.verb] = next(p for p in sorted(store.folder(*step.name).iterdir()) if not p.name.startswith("step"))
            flip(harmed[step.verb])
    assert len(harmed) == 8
    assert told(run(drawn, store)) == told(records.values())
    lines = capsys.readouterr().err.splitlines()
    assert sorted(line.split(": ")[1] for line in lines) == sorted(harmed)
    assert all(f"{path.name} is not as it was written" in "\n".join(lines) for path in harmed.values())
    assert all(store.sound(*s.name) for s in drawn.steps)


def test_a_store_from_before_artifacts_were_sealed_is_set_aside_and_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], done: Any
) -> None:
    """Nothing says of such an artifact whether it is as it was written."""
    drawn, whole, records = done
    shutil.copytree(whole.root, tmp_path / "store")
    judges = [Store(tmp_path / "store").folder(*s.name) for s in drawn.steps if s.verb == "judge"]
    for folder in judges:
        (folder / "step.json.sha256").unlink()
    assert told(run(drawn, tmp_path / "store")) == told(records.values())
    assert capsys.readouterr().err.count("damaged: judge: step.json.sha256 is missing") == len(judges)


def test_what_is_damaged_while_a_study_runs_is_computed_again_and_costs_no_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An artifact that was sound when the run began may not be when it is read."""
    drawn, store = small(), Store(tmp_path)
    before = told(run(drawn, store))
    for step in drawn.steps:
        if step.verb in ("predict", "judge"):
            (store.folder(*step.name) / "step.json").unlink()
    seen = []

    def meddle(outcome: Any) -> None:
        seen.append(outcome)
        if outcome.step.verb == "train" and outcome.status == "cached":
            flip(store.folder(*outcome.step.name) / "model.safetensors")

    assert told(run(drawn, store, notify=meddle)) == before
    assert "train: model.safetensors is not as it was written" in capsys.readouterr().err
    assert {o.status for o in seen} == {"cached", "done"}


def test_what_is_damaged_again_and_again_fails_in_the_end_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken disk must not keep a study going round for ever."""
    from canforget.errors import DamagedError

    def damaged(self: Any, *given: Any) -> None:
        raise DamagedError("was damaged again and again")

    drawn = small()
    monkeypatch.setattr("canforget.study.store.Store.file", damaged)
    seen: list[Any] = []
    records = run(drawn, tmp_path, notify=seen.append)
    assert all("damaged again and again" in r.not_run for r in records)
    assert len(seen) < ROUNDS * len(drawn.steps)


@pytest.mark.parametrize(("torch_has", "asked", "set_to"), [(1, 2, []), (4, 2, [2]), (4, 0, []), (2, 2, [])])
def test_a_step_never_takes_more_threads_than_torch_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch_has: int, asked: int, set_to: Any
) -> None:
    """One worker of two cores took both in spite of OMP_NUM_THREADS=1, and its sums were others in the last bit."""
    import torch

    taken: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: torch_has)
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    outcome = Job(tmp_path, None, "cpu", threads=asked)(Step("unknown verb", "a", (), "a", {}))
    assert outcome.status == "failed" and taken == set_to
