"""What a person is told: words before numbers, within a hundred columns, and what was not seen beside every acquittal."""

from dataclasses import replace
from typing import Any

from canforget.auditing.words import without_power
from canforget.report.wording import MORE_MEMORY


def test_the_account_begins_with_words_and_fits_a_hundred_columns(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    text = make_account(*(make_sheets(original, retrained, original, format=f) for f in ("float32", "a_long_name_of_a_file.onnx"))).text()
    assert max(map(len, text.split("\n"))) <= 100
    assert text.index("VERDICT: residual") < text.index("question")
    assert "6 retrained models" in text


def test_an_acquittal_says_what_could_have_gone_unseen_and_what_had_no_power(
    make_sheets: Any, make_account: Any, make_views: Any, others: Any
) -> None:
    retrained, _ = others
    account = make_account(make_sheets(make_views(7), retrained, make_views(1, memory=2.0)))
    assert "may have gone unseen" in account.text().replace("\n    ", " ")
    assert without_power(account.answers)
    assert f"without power here: {', '.join(without_power(account.answers))}" in account.text().replace("\n    ", " ")


def test_what_could_not_be_answered_stands_with_its_reason_and_its_figure(make_sheets: Any, make_account: Any, others: Any) -> None:
    _, original = others
    text = make_account(make_sheets(original, [], original)).text()
    assert "not answered:\n  answers: needs 3 retrained models for a null band, not 0" in text
    assert "figures, no findings: forget.accuracy 1.000 float32" in text


def test_what_was_not_asked_of_a_deployed_file_is_named_beside_its_word(make_sheets: Any, make_account: Any, others: Any) -> None:
    """It stood as an equal beside formats of which twice as much had been asked."""
    retrained, original = others
    every = [make_sheets(original, retrained, original, format="int8", label="int:bits=8"),
             make_sheets(original, retrained, original, format="u.onnx", label="onnx_int8", engine="onnxruntime")]  # fmt: skip
    text = make_account(*every).text().replace("\n    ", " ")
    assert "  int8: residual, had not forgotten\n" in text
    assert "  u.onnx: residual, had not forgotten; not asked: prototype, probe, relearning, blank head, recovery radius\n" in text


def test_a_figure_that_rests_on_bounds_says_so(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    sheets = make_sheets(original, retrained, original)
    said = "censored: for 31 of 32 forgotten and 30 of 32 unseen images no change up to 0.25 was enough, and they count as that"
    told = {**sheets.subject, "recovery_radius.measured": {"value": None, "not_run": said}}
    text = make_account(replace(sheets, subject=told)).text().replace("\n  ", " ")
    assert f"recovery radius (float32): {said}" in text
    assert "censored" not in make_account(sheets).text()


def test_where_there_was_nothing_to_lose_the_gate_says_what_to_do(
    make_sheets: Any, make_account: Any, make_views: Any, others: Any
) -> None:
    """An original that is one more retrained model: a user was told that tests had no power, and not that training had been too short."""
    retrained, _ = others
    text = make_account(make_sheets(retrained[0], retrained[1:], make_views(77))).text().replace("\n    ", " ")
    assert f"memory to lose: none that could be seen; {MORE_MEMORY}" in text
    alone = make_account(make_sheets(retrained[0], retrained[1:], None)).text()
    assert "memory to lose: not known: needs the original" in alone
