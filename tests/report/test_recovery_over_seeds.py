"""What may be said of a study's rounding, on records whose answer is known."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from scipy.stats import ttest_1samp

from canforget.evaluation.evidence import NotRun, Value
from canforget.evaluation.rebound import RECOVERED
from canforget.report.record import Label, Measured, Record, RecordedVerdict
from canforget.report.recovery_over_seeds import Recovery, by_format, recoveries, text

SEEDS = 4


def records(unlearner: str, quantizer: str, rebounds: Sequence[float], noise_p: float | None = 0.05, margin: float = 0.0) -> list[Record]:
    """One record a seed."""
    found = []
    for seed, rebound in enumerate(rebounds):
        values = {"forget.margin": Measured(margin + 0.01 * seed)}
        if quantizer != "none":
            values["recovery.margin_rebound"] = Measured(rebound)
        if noise_p is not None and quantizer != "none":
            values["recovery.margin_noise_p"] = Measured(noise_p)
        name, _, bits = quantizer.partition(":bits=")
        chosen = {"quantizer": {"name": name, "parameters": {"bits": int(bits)} if bits else {}}}
        found.append(
            Record(Label("digits", "tiny_cnn", "whole_class:classes=3", unlearner, quantizer, seed), values, hyperparameters=chosen)
        )
    return found


def study(rebounds: Sequence[float] = (1.0, 1.1, 0.9, 1.0), **keywords: float | None) -> list[Record]:
    """Retrained, original and one unlearned model, before rounding and at four bits."""
    still = [0.0, 0.01, -0.01, 0.0]
    return [
        *records("retrain", "int:bits=4", still, margin=-4.0), *records("nothing", "int:bits=4", still, margin=4.0),
        *records("scrub", "none", still), *records("scrub", "int:bits=4", rebounds, **keywords),  # type: ignore[arg-type]
    ]  # fmt: skip


def only(found: list[Record], quantizer: str = "int:bits=4") -> Recovery:
    """The one row of a format."""
    (block,) = recoveries(found)
    (row,) = [r for r in block.rows if r.quantizer == quantizer]
    return row


def test_a_rebound_beyond_retrained_models_and_noise_is_claimed() -> None:
    """The excess is the mean of the differences paired by seed, and its p that of scipy."""
    row = only(study())
    assert row.claimed
    assert isinstance(row.excess, Value)
    assert row.excess.value == pytest.approx(1.0)
    expected = ttest_1samp([1.0, 1.09, 0.91, 1.0], 0, alternative="greater").pvalue
    assert row.p == pytest.approx(expected)
    assert isinstance(row.fraction, Value)
    assert row.fraction.value == pytest.approx(0.5)
    assert "in 1 of 1 cases (scrub at int:bits=4)" in recoveries(study())[0].answer()


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (study(noise_p=0.3), "random noise of the same norm moves it as far"),
        (study(rebounds=(1.0, -1.0, 1.0, -0.9)), "retrained models move as far"),
        (study(noise_p=None), "no noise controls: nothing may be claimed"),
        ([r for r in study() if r.case.seed == 0], "one seed decides nothing"),
        ([r for r in study() if r.case.unlearner != "retrain"], "not run: seed 0: no retrained model"),
    ],
)
def test_what_the_controls_do_not_allow_is_not_claimed(found: list[Record], says: str) -> None:
    """Each control alone forbids the claim, and says so."""
    row = only(found)
    assert row.says == says != RECOVERED
    assert "in 0 of" in recoveries(found)[0].answer() or "Nothing can be said" in recoveries(found)[0].answer()


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (RecordedVerdict("utility lost", "", "", 4, "utility lost"), "utility lost"),
        (RecordedVerdict("residual", "", "", 4, "residual", had_forgotten=False), "had not forgotten before rounding"),
    ],
)
def test_what_was_never_forgotten_cannot_come_back(verdict: RecordedVerdict, says: str) -> None:
    """The first studies asked it of 198 combinations, none of which had forgotten."""
    judged = [replace(r, verdict=verdict) if r.case.unlearner == "scrub" else r for r in study()]
    assert only(judged).says == says


def test_before_rounding_there_is_only_a_fraction() -> None:
    """And without original and retrained models at full precision not even that."""
    row = only(study(), "none")
    assert row.says == "before rounding"
    assert isinstance(row.excess, NotRun)
    assert isinstance(row.fraction, NotRun)


def test_one_seed_with_strong_noise_forbids_the_claim() -> None:
    """The rule holds in every seed, not on average."""
    found = [r for r in study() if not (r.case.unlearner == "scrub" and r.case.quantizer != "none" and r.case.seed == 2)]
    found += [r for r in study(noise_p=0.5) if r.case.unlearner == "scrub" and r.case.quantizer != "none" and r.case.seed == 2]
    assert only(found).noise_p == 0.5
    assert not only(found).claimed


def test_more_tests_make_an_adjusted_p_larger() -> None:
    """Holm over all formats and methods of a block."""
    more = study() + records("salun", "int:bits=4", (0.0, 0.1, -0.1, 0.0))
    (block,) = recoveries(more)
    first = next(r for r in block.rows if r.unlearner == "scrub" and r.quantizer != "none")
    assert first.p_adjusted == pytest.approx(2 * first.p)


def test_the_excess_grows_as_bits_fall() -> None:
    """Three widths make a trend; its sign says which way."""
    found = study()
    for bits, size in ((2, 3.0), (3, 2.0)):
        found += records("retrain", f"int:bits={bits}", (0.0, 0.01, -0.01, 0.0)) + records(
            "scrub", f"int:bits={bits}", [size + 0.1 * s for s in range(SEEDS)]
        )
    (block,) = recoveries(found)
    assert block.trends["bits of int, scrub"].correlation == pytest.approx(-1.0)
    shown = text([block])
    assert "rank correlation -1.00" in shown
    assert "over the 3 tests" in shown


def test_a_format_is_summed_up_over_all_unlearners() -> None:
    """The excesses of two unlearners, 1 and -1 on average, one of which holds by its interval and its noise."""
    other = [*records("salun", "none", [0.0] * SEEDS), *records("salun", "int:bits=4", (-1.0, -1.1, -0.9, -1.0), noise_p=1.0)]
    (block,) = recoveries(study() + other)
    (line,) = by_format(block)
    assert line[0] == "int:bits=4"
    assert [float(v) for v in line[1:5]] == pytest.approx([0.0, -1.0, 0.0, 1.0], abs=1e-9)
    assert line[6:] == ["1", "1", "1"]
