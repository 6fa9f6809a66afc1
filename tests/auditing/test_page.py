"""The page that a person reads: failures first, the same from the same, and hostile names harmless."""

from pathlib import Path
from typing import Any

import pytest

from canforget.auditing.certificate import predicate_of
from canforget.auditing.page import page_of
from tests.browsing import opened

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


def test_what_was_not_asked_of_a_file_stands_among_the_limits_and_beside_its_word(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    text = page(make_account(make_sheets(original, retrained, original, format="q.onnx", label="onnx_int8", engine="onnxruntime")))
    limits = text[text.index("<h2>Limits") : text.index("<h2>By format")]
    assert "<li>not asked of q.onnx, which an engine runs: prototype, probe, relearning, blank head, recovery radius</li>" in limits
    assert text.count("not asked: prototype, probe") == 1


@pytest.fixture
def written(tmp_path: Path, make_sheets: Any, make_account: Any, others: Any) -> Path:
    """The page of a certificate with failures, a deployed file and long names."""
    retrained, original = others
    deployed = {"label": "onnx_int8", "engine": "onnxruntime"}
    every = [
        make_sheets(original, retrained, original),
        make_sheets(original, retrained, original, format="a_long_name_of_a_file.onnx", **deployed),
    ]
    subject = {"name": "a_long_name_of_a_file.onnx", "digest": {"sha256": "f" * 64}}
    (tmp_path / "c.html").write_text(page(make_account(*every), [subject]), encoding="utf-8")
    return tmp_path / "c.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_in_a_browser_it_is_quiet_accessible_and_no_wider_than_the_window(browser: Any, written: Path, width: int, scheme: Any) -> None:
    """A certificate is read by people of whom nobody knows how they read: on a phone, in the dark, by a screen reader."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe_playwright_python is not installed").Axe()
    with opened(browser, written, width, color_scheme=scheme) as shown:
        assert shown.heard == [written.as_uri()]
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[scheme]
        found = axe.run(shown)
        assert found.violations_count == 0, found.generate_report()
