"""The seeds that a pilot or the stated defaults ask for, held against verdicts on simulated studies."""

import json
from pathlib import Path

import numpy
import pytest

from canforget.cli.app import main
from canforget.evaluation.power import seeds_to_acquit
from canforget.report.judgment import with_verdicts
from canforget.report.record import Label, Measured, Record, save_records
from canforget.report.seeds_needed import MOST, by_defaults, by_pilot, needs_text
from canforget.report.verdict import CONSISTENT
from canforget.spec import parse
from tests.narrowed import present

SPREAD = {"retain.accuracy": 0.004, "test_retain.accuracy": 0.004, "forget.accuracy": 0.01, "membership.phi": 0.006}
ORIGINAL = {"retain.accuracy": 0.9, "test_retain.accuracy": 0.8, "forget.accuracy": 1.0, "membership.phi": 0.7}
RETRAINED = ORIGINAL | {"forget.accuracy": 0.8, "membership.phi": 0.5}


def study(seeds: int, rng: numpy.random.Generator, quantizer: str = "none") -> list[Record]:
    """Retrained models, originals and an honest method, of a random forget set."""
    found = []
    for name, level in (("retrain", RETRAINED), ("nothing", ORIGINAL), ("honest", RETRAINED)):
        for seed in range(seeds):
            values = {k: Measured(v + rng.normal(0, SPREAD[k])) for k, v in level.items()}
            found.append(Record(Label("digits", "tiny_cnn", "random_samples:count=9", name, quantizer, seed), values))
    return found


def test_the_seeds_that_a_pilot_asks_for_acquit_as_often_as_promised() -> None:
    """One verdict over all its tests is the unit: each test alone at 80 % would acquit in half of the studies."""
    rng = numpy.random.default_rng(0)
    (need,) = by_pilot(study(200, rng))
    assert need.test == "forget.accuracy"
    assert need.deviation == pytest.approx(0.01, rel=0.1)
    assert need.margin == 0.02
    words = [with_verdicts(study(present(need.seeds), rng))[-1].verdict for _ in range(300)]
    assert numpy.mean([present(w).word == CONSISTENT for w in words]) > 0.8 - 2 * (0.16 / 300) ** 0.5


def test_a_margin_is_a_quarter_of_the_pilots_memory_and_a_test_without_power_asks_for_none() -> None:
    rng = numpy.random.default_rng(1)
    little = [r if r.case.unlearner != "nothing" else level(r, "forget.accuracy", 0.84 + rng.normal(0, 0.01)) for r in study(100, rng)]
    (need,) = by_pilot(little)
    assert need.margin == pytest.approx(0.01, rel=0.2)
    none = [r if r.case.unlearner != "nothing" else level(r, "forget.accuracy", 0.8 + rng.normal(0, 0.01)) for r in little]
    (other,) = by_pilot(none)
    assert other.test != "forget.accuracy"


def level(record: Record, name: str, value: float) -> Record:
    """The record with another value."""
    return Record(record.case, {**record.values, name: Measured(value)})


def test_a_pilot_of_one_seed_says_what_it_lacks() -> None:
    (need,) = by_pilot(study(1, numpy.random.default_rng(2)))
    assert need.seeds is None
    assert "two seeds" in needs_text([need], "x")[1]


def test_without_a_pilot_coarse_formats_need_more_and_the_assumptions_are_told() -> None:
    """Four tests share the fifth of studies that may miss."""
    plain, coarse = by_defaults([parse("quantizers", "none"), parse("quantizers", "int:bits=4")])
    assert plain.seeds == seeds_to_acquit(0.006, 0.02, power=0.95)
    assert present(coarse.seeds) > 4 * present(plain.seeds)
    assert coarse.seeds != MOST


def test_the_plan_says_the_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From defaults and from a pilot's records, as text and as JSON."""
    save_records(found := study(8, numpy.random.default_rng(3)), [str(i) for i in range(len(found))], tmp_path, {})
    words = ["plan", "--datasets", "digits", "--models", "tiny_cnn", "--scenarios", "random_samples:count=9", "--unlearners", "scrub"]
    for more in ([], ["--pilot", str(tmp_path)]):
        with pytest.raises(SystemExit) as left:
            main([*words, *more])
        assert left.value.code == 0
        out = capsys.readouterr().out
        assert "four times in five" in out
        assert ("assumed" in out) == (not more)
        with pytest.raises(SystemExit):
            main([*words, *more, "--json"])
        needs = json.loads(capsys.readouterr().out)["seeds_needed"]
        assert [n["format"] for n in needs] == ["none"]
        assert needs[0]["seeds"] > 1
