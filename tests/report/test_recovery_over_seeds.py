"""What may be said of a study's rounding, on records whose answer is known."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy
import pytest
from scipy.stats import ttest_ind

from canforget.evaluation.evidence import NotRun, Value
from canforget.report.record import Label, Measured, Record, RecordedVerdict
from canforget.report.recovery_gates import NO_NULL_HERE, NOT_CHECKED, OLDER_CONTROL
from canforget.report.recovery_over_seeds import NONE_DETECTED, RECOVERED, Recovery, recoveries
from canforget.report.recovery_table import by_format, text

SEEDS = 4
STILL = (0.0, 0.02, -0.01, 0.01)
UNIFORM = (0.1, 0.4, 0.6, 0.9)
FORGOTTEN = RecordedVerdict("inconclusive", "", "", SEEDS, "inconclusive", had_forgotten=True)


def records(unlearner: str, quantizer: str, changes: Any, level: float = 0.0, noise_p: Any = UNIFORM, **more: Any) -> list[Record]:
    """One record a seed: what rounding does beside noise (which moves every model by .05), and the measure itself."""
    found = []
    for seed, (change, p) in enumerate(zip(changes, noise_p, strict=True)):
        values = {"forget.margin": Measured(level + 0.01 * seed)} | {name: Measured(value) for name, value in more.items()}
        if quantizer != "none":
            values |= {
                "recovery.margin_rebound": Measured(change + 0.05),
                "recovery.margin_noise_rebound": Measured(0.05),
                "recovery.margin_beside_noise": Measured(change),
                "recovery.margin_noise_p": Measured(p),
                "recovery.margin_rounded": Measured(level + 0.01 * seed),
            }
        name, _, bits = quantizer.partition(":bits=")
        chosen = {"quantizer": {"name": name, "parameters": {"bits": int(bits)} if bits else {}}}
        label = Label("digits", "tiny_cnn", "whole_class:classes=3", unlearner, quantizer, seed)
        found.append(Record(label, values, hyperparameters=chosen))
    return found


def study(
    changes: Sequence[float] = (1.0, 1.1, 0.9, 1.0), quantizer: str = "int:bits=4", noise_p: Sequence[float] = UNIFORM
) -> list[Record]:
    """Retrained, original and one unlearned model, before rounding and in a format."""
    return [
        *records("retrain", quantizer, STILL, level=-1.0, noise_p=noise_p), *records("nothing", quantizer, STILL, level=1.0, noise_p=noise_p),
        *records("scrub", "none", STILL), *records("scrub", quantizer, changes),
    ]  # fmt: skip


def only(found: list[Record], quantizer: str = "int:bits=4") -> Recovery:
    """The one row of a format."""
    (block,) = recoveries(found)
    (row,) = [r for r in block.rows if r.quantizer == quantizer]
    return row


def without(found: list[Record], *names: str) -> list[Record]:
    """The records without some values."""
    return [replace(r, values={k: v for k, v in r.values.items() if not k.endswith(names)}) for r in found]


def test_a_planted_recovery_is_claimed_with_its_size() -> None:
    """The effect is that of both beside noise, unpaired; p is one-sided Welch's of more than .02 of a memory of 2, the fraction a half."""
    row = only(study())
    assert row.claimed
    assert row.says == f"{RECOVERED}: 50 % of the memory, over 45 %"
    assert isinstance(row.effect, Value)
    assert row.effect.value == pytest.approx(0.995)
    beyond = numpy.array([1.0, 1.1, 0.9, 1.0]) - 0.02 * 2
    assert row.p == pytest.approx(ttest_ind(beyond, STILL, equal_var=False, alternative="greater").pvalue, rel=0.02)
    assert isinstance(row.fraction, Value)
    assert row.fraction.value == pytest.approx(0.4975)
    assert row.fraction.interval is not None
    assert row.fraction.interval[0] < 0.4975 < row.fraction.interval[1]
    assert row.least_fraction is not None
    assert 0 < row.least_fraction < 0.2
    assert row.rebound == pytest.approx(1.05)
    assert "in 1 of 1 cases (scrub at int:bits=4)" in recoveries(study())[0].answer()


def test_one_weak_seed_does_not_take_the_claim_away() -> None:
    """Every seed had to pass before, so that seeds took power instead of giving it."""
    assert only(study(changes=(1.0, 1.1, 0.9, 0.4))).claimed


CONTROLS = [
    (study(changes=(1.0, -1.0, 1.0, -0.9)), NONE_DETECTED),
    (study(changes=STILL), NONE_DETECTED),
    (study(noise_p=(0.025, 0.025, 0.025, 0.1)), NO_NULL_HERE),
    (study(noise_p=(0.975,) * 4), NO_NULL_HERE),
    ([r for r in study() if r.case.seed < 2], f"{NOT_CHECKED}: 2 more models that unlearned nothing are needed"),
    ([r for r in study() if r.case.unlearner != "nothing"], f"{NOT_CHECKED}: 2 more models that unlearned nothing are needed"),
    (study(changes=(0.03, 0.032, 0.028, 0.03)), NONE_DETECTED),
    (without(study(), "_beside_noise", "_rounded"), OLDER_CONTROL),
    ([r for r in study() if r.case.seed == 0], "nothing may be claimed: one seed decides nothing"),
    ([r for r in study() if r.case.unlearner != "retrain"], "not run: no retrained model in this format"),
]


@pytest.mark.parametrize(("found", "says"), CONTROLS)
def test_what_the_controls_do_not_allow_is_not_claimed(found: list[Record], says: str) -> None:
    """Each control alone forbids the claim, and says so."""
    row = only(found)
    assert row.says == says
    assert not row.claimed
    assert "in 0 of" in recoveries(found)[0].answer() or "othing may be claimed" in recoveries(found)[0].answer()


def test_noise_that_was_not_run_is_said_with_its_reason() -> None:
    """Float16 has no codes to disturb."""
    none = {
        f"recovery.margin_{name}": Measured(not_run="needs 19 draws of weight noise, and there are 0")
        for name in ("beside_noise", "noise_p")
    }
    row = only([replace(r, values=r.values | none) if r.case.quantizer != "none" else r for r in study()])
    assert row.says == "nothing may be claimed: needs 19 draws of weight noise, and there are 0"
    assert isinstance(row.excess, Value)
    assert row.excess.value == pytest.approx(0.995)


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (RecordedVerdict("powerless", "", "", 4, "powerless"), "powerless"),
        (RecordedVerdict("utility lost", "", "", 4, "inconclusive", had_forgotten=True), "utility lost"),
        (RecordedVerdict("inconclusive", "", "", 4, "utility lost"), "utility lost"),
        (RecordedVerdict("residual", "", "", 4, "residual", had_forgotten=False), "had not forgotten before rounding"),
        (RecordedVerdict("inconclusive", "", "", 4, "inconclusive"), "not known whether it had forgotten"),
        (FORGOTTEN, f"{RECOVERED}: 50 % of the memory, over 45 %"),
    ],
)
def test_what_was_never_forgotten_cannot_come_back(verdict: RecordedVerdict, says: str) -> None:
    """The first studies asked it of 198 combinations, none of which had forgotten."""
    judged = [replace(r, verdict=verdict) if r.case.unlearner == "scrub" else r for r in study()]
    assert only(judged).says == says


def test_where_the_format_holds_no_memory_nothing_can_come_back() -> None:
    """Of a fraction of next to nothing: at two bits originals and retrained models are alike."""
    found = [r for r in study() if r.case.unlearner != "nothing"] + records("nothing", "int:bits=4", STILL, level=-1.0)
    row = only(found)
    assert row.says == "powerless: no memory by this measure in this format"
    assert isinstance(row.fraction, NotRun)
    assert not row.tested


def test_with_few_models_that_unlearned_nothing_nothing_is_claimed() -> None:
    """Two seeds give four p, which cannot be told from uniform ones: a claim with a remark was a claim all the same."""
    found = [r for r in study() if r.case.seed < 2]
    (block,) = recoveries(found)
    assert "Noise control at int:bits=4: could not be checked: 4 models that unlearned nothing, and 2 more are needed." in text(
        [block], wide=True
    )
    assert "Nothing may be claimed of the margin" in block.answer()


def test_a_share_too_small_to_speak_of_is_not_claimed_however_sure_it_is() -> None:
    """At int8 half a percent of the memory was once claimed, of weights whose codes rounding had not restored."""
    small = only(study(changes=(0.03, 0.032, 0.028, 0.03)))
    assert small.tested
    assert isinstance(small.fraction, Value)
    assert small.fraction.value == pytest.approx(0.0125)
    assert ttest_ind([0.03, 0.032, 0.028, 0.03], STILL, equal_var=False, alternative="greater").pvalue < 0.05
    assert not small.claimed
    assert small.least_fraction is not None
    assert small.least_fraction > 0.02
    assert "Δ above 2% of the memory" in text(recoveries(study()), wide=True)


def test_controls_are_no_peers_of_the_methods_and_are_corrected_by_themselves() -> None:
    """Forty unlearners moderate one another's variance; controls, wild by design, widened or narrowed it and cost every method power."""
    rng = numpy.random.default_rng(0)
    methods = [r for k in range(42) for r in records(f"m{k}", "int:bits=4", rng.normal(0, 0.1, SEEDS))]
    wild = [r for k in range(20) for r in records(f"destroyed:seed={k}", "int:bits=4", rng.normal(0, 40, SEEDS))]
    cells = records("within_rounding_cells", "int:bits=4", (0.5, 0.6, 0.4, 0.5))
    (alone,), (beside,) = recoveries(study() + methods), recoveries(study() + methods + wild + cells)
    without = {(row.unlearner, row.quantizer): row for row in alone.rows}
    assert all(row == without[row.unlearner, row.quantizer] for row in beside.rows if not row.control)
    (control,) = [row for row in beside.rows if row.unlearner == "within_rounding_cells"]
    assert control.claimed
    assert control.p_adjusted == pytest.approx(21 * control.p)
    assert "back in 1 of 43 cases (scrub at int:bits=4)" in beside.answer()
    assert "Of controls, tested by themselves, it brings the margin back in 1 of 21 cases (within_rounding_cells at" in beside.answer()


def test_before_rounding_there_is_nothing_to_ask() -> None:
    """Rows before rounding stand in the table, and in no test."""
    row = only(study(), "none")
    assert row.says == "before rounding"
    assert isinstance(row.effect, NotRun)


def test_records_of_older_studies_print_their_plain_excess() -> None:
    """Their noise was of another kind, and no null."""
    (block,) = recoveries(without(study(), "_beside_noise", "_rounded"))
    (row,) = [r for r in block.rows if r.quantizer != "none"]
    assert isinstance(row.excess, Value)
    assert row.excess.value == pytest.approx(0.995)
    assert row.rebound == pytest.approx(1.05)
    assert "Older noise control: nothing may be claimed of the margin" in block.answer()
    assert "beside noise  " not in text([block], wide=True)


def test_more_rows_make_an_adjusted_p_larger_and_only_those_that_are_asked() -> None:
    """Holm over all formats and methods of a block; a row behind a closed gate is no test."""
    more = records("salun", "int:bits=4", (0.0, 0.1, -0.1, 0.0))
    (block,) = recoveries(study() + more)
    first = next(r for r in block.rows if r.unlearner == "scrub" and r.quantizer != "none")
    assert first.p_adjusted == pytest.approx(2 * first.p)
    lost = [replace(r, verdict=RecordedVerdict("utility lost", "", "", 4, "utility lost")) for r in more]
    (block,) = recoveries(study() + lost)
    first = next(r for r in block.rows if r.unlearner == "scrub" and r.quantizer != "none")
    assert first.p_adjusted == first.p


def test_a_ruined_model_does_not_widen_the_intervals_of_the_others() -> None:
    """One whose seeds differ by tens, pooled with the rest, once hid what came back in all of them."""
    wild = records("salun", "int:bits=4", (40.0, -40.0, 30.0, -35.0))
    lost = [replace(r, verdict=RecordedVerdict("utility lost", "", "", 4, "utility lost")) for r in wild]
    (block,) = recoveries(study() + lost)
    row = next(r for r in block.rows if r.unlearner == "scrub" and r.quantizer != "none")
    assert row.effect == only(study()).effect
    assert row.claimed


def test_the_regime_stands_beside_the_row() -> None:
    """A comeback at an update smaller than the rounding noise is another finding than one at thirty times it."""
    regime: dict[str, Any] = {"code_flips.signal_to_noise": 0.7, "probe.retained_projection": 0.93}
    found = [r for r in study() if r.case.unlearner != "scrub"] + records("scrub", "int:bits=4", (1.0, 1.1, 0.9, 1.0), **regime)
    row = only(found)
    assert row.signal_to_noise == pytest.approx(0.7)
    assert row.retained_projection == pytest.approx(0.93)
    shown = text(recoveries(found), wide=True)
    assert "signal/noise" in shown
    assert ".70" in shown
    assert "signal/noise  kept" not in text(recoveries(study()), wide=True)


def test_the_effect_grows_as_bits_fall() -> None:
    """Three widths make a trend; its sign says which way."""
    found = study()
    for bits, size in ((2, 3.0), (3, 2.0)):
        found += study([size + 0.1 * s for s in range(SEEDS)], f"int:bits={bits}")
    (block,) = recoveries(found)
    assert block.trends["bits of int, scrub"].correlation == pytest.approx(-1.0)
    shown = text([block], wide=True)
    assert "rank correlation -1.00" in shown
    assert "the rows asked (3 of methods; 0 of controls" in shown


def test_the_smallest_dose_that_is_found_is_said_with_what_came_back_at_each() -> None:
    """A dose below what the study can see says nothing of smaller ones."""
    found = [r for r in study() if r.case.unlearner != "scrub"]
    for share in (0.1, 0.25, 0.5, 1.0):
        own = records(f"within_rounding_cells:share={share}", "int:bits=4", share * numpy.array([1.0, 1.1, 0.9, 1.0]) - 0.04)
        parameters: dict[str, Any] = {"unlearner": {"name": "within_rounding_cells", "parameters": {"share": share}}}
        found += [replace(r, hyperparameters=r.hyperparameters | parameters) for r in own]
    (block,) = recoveries(found)
    doses = block.doses["share of within_rounding_cells at int:bits=4"]
    assert [d.dose for d in doses] == [0.1, 0.25, 0.5, 1.0]
    assert [d.found.seen for d in doses] == [False, True, True, True]
    assert "at int:bits=4: found with 80 % power from 0.25 on (fraction by dose: 0.1: 0.028" in text([block], wide=True)


def test_a_format_is_summed_up_over_all_unlearners() -> None:
    """The effects of two unlearners, 1 and -1 on average, one of which holds."""
    other = [*records("salun", "none", [0.0] * SEEDS), *records("salun", "int:bits=4", (-1.0, -1.1, -0.9, -1.0))]
    (block,) = recoveries(study() + other)
    (line,) = by_format(block)
    assert line[0] == "int:bits=4"
    assert [float(v) for v in line[1:5]] == pytest.approx([0.055, -1.005, -0.005, 0.995], abs=1e-9)
    assert line[6:] == ["1", "1", "1"]


def test_a_block_is_json_without_infinities() -> None:
    """Fieller's bounds may be infinite, degrees of freedom too."""
    for found, _ in CONTROLS:
        plain = [asdict(block) for block in recoveries(found)]
        assert len(json.loads(json.dumps(plain, allow_nan=False))) == len(plain) > 0


def test_a_simulated_study_where_nothing_comes_back_seldom_claims() -> None:
    """From records to the claim: two formats, two unlearners, four seeds."""
    rng, claims = numpy.random.default_rng(0), 0
    for _ in range(150):
        found = []
        for quantizer in ("int:bits=4", "int:bits=8"):
            for u, level in (("retrain", -1.0), ("nothing", 1.0), ("scrub", 0.0), ("salun", 0.0)):
                found += records(u, quantizer, rng.normal(0, 0.1, SEEDS), level, (rng.integers(0, 20, SEEDS) + 0.5) / 20)
        claims += any(row.claimed for block in recoveries(found) for row in block.rows)
    assert claims / 150 <= 0.05 + 2 * numpy.sqrt(0.05 * 0.95 / 150)
