"""What a person is told: words before numbers, within a hundred columns, and what was not seen beside every acquittal."""

from typing import Any

from canforget.auditing.words import without_power


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
