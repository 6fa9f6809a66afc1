from typing import Any

import pytest

from canforget.fit_settings import Fit
from canforget.spec import format_refusal, parse
from canforget.study.definition import ModelSpec
from canforget.study.planned_steps import PlanBuilder, as_the_original


def test_a_step_that_is_named_twice_is_kept_once_with_its_first_label() -> None:
    builder = PlanBuilder()
    first = builder.add("train", "k", "one")
    assert builder.add("train", "k", "two", (first, first, None)) is first
    other = builder.add("predict", "k", "of one", (first, first, None))
    assert other.needs == (("train", "k"),)
    assert len(builder.steps) == 2


def test_the_retrained_model_is_trained_as_the_original_unless_told_otherwise() -> None:
    trained = ModelSpec(parse("models", "tiny_cnn"), Fit(epochs=3))
    assert as_the_original(parse("unlearners", "retrain"), trained)["fit"] == trained.fit
    assert as_the_original(parse("unlearners", "retrain:fit.epochs=5"), trained)["fit"].epochs == 5
    scrub = parse("unlearners", "scrub")
    assert as_the_original(scrub, trained) is scrub


@pytest.mark.parametrize(
    ("quantizer", "probed"),
    [
        ("int", True),
        ("int:bits=3,granularity=per_tensor", True),
        ("int:symmetric=false", False),
        ("int:ranges=mse", False),
        ("float8", False),
    ],
)
def test_codes_are_probed_only_where_the_theory_of_their_flips_holds(quantizer: Any, probed: Any) -> None:
    assert (format_refusal(parse("probes", "code_flips"), parse("quantizers", quantizer)) == "") == probed
