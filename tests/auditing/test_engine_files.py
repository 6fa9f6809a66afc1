"""A deployed file, asked less than its simulation, is not judged better."""

from typing import Any

from canforget.auditing.account import FormatVerdict
from canforget.auditing.engine_files import beside_simulation
from canforget.auditing.judge import judged_formats

INT8 = {"format": "int8", "label": "int:bits=8"}
FILE = {"format": "u.onnx", "label": "onnx_int8", "engine": "onnxruntime"}


def beside_its_simulation(make_sheets: Any, subject: Any, others: Any, *formats: Any) -> Any:
    retrained, original = others
    return judged_formats([make_sheets(subject, retrained, original, **f) for f in formats], False, True)[1]


def test_a_deployed_file_is_not_acquitted_on_fewer_questions_where_its_simulation_remembers(
    make_sheets: Any, make_views: Any, others: Any
) -> None:
    """A masked head was *residual* at int8, by its features, and its .onnx *consistent*, for these were not asked of it."""
    masked = make_views(7, features=2.0)
    simulation, file = beside_its_simulation(make_sheets, masked, others, INT8, FILE)
    assert (simulation.word, simulation.not_asked) == ("residual", ())
    assert file.word == "inconclusive"
    assert file.reason.startswith(
        "not asked here: prototype, probe, relearning, blank head, recovery radius; its simulation, int8, is residual"
    )
    assert not file.had_forgotten


def test_a_deployed_file_is_acquitted_where_its_simulation_is(make_sheets: Any, make_views: Any, others: Any) -> None:
    """Else no deployed file could ever be."""
    spared = [beside_its_simulation(make_sheets, make_views(100 + k), others, INT8, FILE) for k in range(4)]
    assert all(file.word == simulation.word for simulation, file in spared if simulation.word == "consistent with retraining")
    assert any(file.word == "consistent with retraining" for _, file in spared)
    assert all(file.not_asked for _, file in spared)


def test_a_deployed_file_whose_simulation_was_not_audited_is_not_acquitted(make_sheets: Any, make_views: Any, others: Any) -> None:
    """Of a foreign format nothing but outputs is known."""
    (file,) = beside_its_simulation(make_sheets, make_views(100), others, FILE)
    assert (file.word, file.reason.endswith("its simulation was not audited")) == ("inconclusive", True)


def test_a_question_too_few_takes_back_that_it_had_forgotten() -> None:
    """By answers alone a masked head had."""
    file = FormatVerdict("u.onnx", "", "residual", "by membership", had_forgotten=True, not_asked=("probe",))
    for had, expected in ((True, True), (False, None), (None, None)):
        found = beside_simulation(file, FormatVerdict("int8", "int:bits=8", "residual", "by probe", had_forgotten=had))
        assert (found.word, found.reason, found.had_forgotten) == ("residual", "by membership", expected)
