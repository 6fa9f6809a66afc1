"""The page that a person reads: failures first, the same from the same, and hostile names harmless."""

from typing import Any

from canforget.auditing.certificate import predicate_of
from canforget.auditing.page import page_of

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>.onnx'


def page(account: Any, subjects: Any = ()) -> str:
    return page_of(predicate_of(account, [], "0" * 64, "2026-11-26T00:00:00+00:00"), subjects)


def test_failures_stand_before_limits_and_these_before_figures(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    text = page(make_account(make_sheets(original, retrained, original)))
    places = [text.index(part) for part in ("<h2>Failures", "residual: ", "<h2>Limits", "a stronger attack", "<h2>Tests", "<table>")]
    assert places == sorted(places)


def test_an_honest_model_s_page_says_none_found_and_claims_no_more(
    make_sheets: Any, make_account: Any, make_views: Any, others: Any
) -> None:
    """Nobody may read "erased" or "compliant" out of it."""
    retrained, original = others
    text = page(make_account(make_sheets(make_views(7), retrained, original)))
    assert "None was found by these attacks" in text
    assert "(above 0." in text
    assert not {"erased", "compliant", "guaranteed", "proven"} & set(text.lower().split())


def test_a_hostile_name_is_shown_and_not_run(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    account = make_account(make_sheets(original, retrained, original, format=HOSTILE))
    text = page(account, [{"name": HOSTILE, "digest": {"sha256": "f" * 64}}])
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_the_page_stands_alone(make_sheets: Any, make_account: Any, others: Any) -> None:
    """Nothing is fetched: an auditor keeps one file."""
    retrained, original = others
    text = page(make_account(make_sheets(original, retrained, original)))
    assert not any(word in text for word in ("http://", "https://", "src=", "@import", "url("))
    assert text == page(make_account(make_sheets(original, retrained, original)))
