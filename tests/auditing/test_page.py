"""The pages of audits and certificates: failures first, the same from the same, hostile names harmless, and read by anybody."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canforget.auditing.certificate import predicate_of
from canforget.auditing.page import audits_page, certificate_page
from canforget.auditing.saved_audit import AuditedFile, AuditMade, SavedAudit
from canforget.report.page.build import PageText
from tests.browsing import opened

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>.onnx'


def page(account: Any, subjects: Any = ()) -> str:
    return certificate_page(predicate_of(account, [], "0" * 64, "2026-11-26T00:00:00+00:00"), subjects)


def test_failures_stand_before_limits_and_these_before_figures(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    text = page(make_account(make_sheets(original, retrained, original)))
    places = [
        text.index(part)
        for part in ("<h3>What speaks against it", "residual: ", "<h3>Limits of", "a stronger attack", "<h3>What was asked", '"asked"')
    ]
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
    limits = text[text.index("<h3>Limits of") : text.index("<h3>What was asked")]
    assert "<li>not asked of q.onnx, which an engine runs: prototype, probe, relearning, blank head, recovery radius</li>" in limits
    assert text.count("not asked: prototype, probe") == 1


@pytest.fixture
def certificate(tmp_path: Path, make_sheets: Any, make_account: Any, others: Any) -> Path:
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
def test_a_certificate_is_quiet_accessible_and_no_wider_than_the_window(browser: Any, certificate: Path, width: int, scheme: Any) -> None:
    """A certificate is read by people of whom nobody knows how they read: on a phone, in the dark, by a screen reader."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe_playwright_python is not installed").Axe()
    with opened(browser, certificate, width, color_scheme=scheme) as shown:
        assert shown.heard == [certificate.as_uri()]
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        paper = shown.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[scheme]
        found = axe.run(shown)
        assert found.violations_count == 0, found.generate_report()


def audit_page(account: Any, **made: Any) -> str:
    return audits_page([SavedAudit(account, AuditMade(**made))], PageText("Did it forget?"), [predicate_of(account, [], "", "")])


def test_a_certificate_s_page_holds_no_path_no_command_and_no_scores(make_sheets: Any, make_account: Any, others: Any) -> None:
    """It is handed on: where the auditor keeps what is nobody's business."""
    retrained, original = others
    text = page(make_account(make_sheets(original, retrained, original), with_records=True))
    assert "secret" not in text
    assert "<svg" not in text


def test_the_page_of_an_audit_says_what_was_asked_and_what_not_and_how_it_was_made(
    make_sheets: Any, make_account: Any, others: Any
) -> None:
    retrained, original = others
    account = make_account(make_sheets(original, retrained, original), with_records=True)
    files = (AuditedFile("unlearned", "nets/u.safetensors", "a" * 64),)
    text = audit_page(account, command="canforget audit --unlearned u", files=files, certificate={"file": "c.json", "signed by key": "k1"})
    for words in (
        "coin flips, of float32: asked only where each image was tossed in or out by its own coin", "canforget audit --unlearned u",
        "nets/u.safetensors", "file c.json, signed by key k1; canforget verify", "Membership at few false alarms", "Scores of single images",
        "One model at hand, beside the original and 6 retrained models",
    ):  # fmt: skip
        assert words in text, words
    assert "canforget run --datasets" not in text


def test_without_an_original_it_says_that_the_memory_is_not_known(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    account = make_account(make_sheets(original, retrained, None))
    text = audit_page(replace(account, models={"original": 0, "retrained": 6}))
    assert text.count("no original model was given") == 2


@pytest.fixture(scope="module")
def written(tmp_path_factory: Any, make_sheets: Any, make_account: Any, others: Any) -> Path:
    """The page of an audit with failures, a deployed file, and a hostile name."""
    retrained, original = others
    path = Path(tmp_path_factory.mktemp("audit")) / "page.html"
    every = [
        make_sheets(original, retrained, original),
        make_sheets(original, retrained, original, format="int8", label="int:bits=8"),
        make_sheets(original, retrained, original, format=HOSTILE, label="int:bits=8", engine="onnxruntime"),
    ]
    made = {"command": f"canforget audit {HOSTILE}", "files": (AuditedFile("unlearned", f"{HOSTILE}/" + "long" * 40, "f" * 64),)}
    path.write_text(audit_page(make_account(*every, name=HOSTILE, with_records=True), **made), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1600, "light")])
def test_in_a_browser_it_is_quiet_accessible_and_no_wider_than_the_window(browser: Any, written: Path, width: int, scheme: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe_playwright_python is not installed").Axe()
    with opened(browser, written, width, color_scheme=scheme) as shown:
        assert shown.heard == [written.as_uri()]
        assert shown.locator("script").count() == 1
        assert shown.locator("img").count() == 0
        shown.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.run(shown)
        assert found.violations_count == 0, found.generate_report()


def test_a_format_is_filtered_in_every_table_of_an_audit(browser: Any, written: Path) -> None:
    with opened(browser, written) as shown:
        shown.select_option('select[data-by="3"]', "int8")
        assert {*shown.eval_on_selector_all("[data-3]", "all => all.filter(b => b.offsetParent).map(b => b.dataset[3])")} == {"int8"}


def test_an_audit_prints_on_a4(browser: Any, written: Path) -> None:
    with opened(browser, written, 688) as shown:
        shown.emulate_media(media="print")
        assert shown.evaluate("document.documentElement.scrollWidth") <= 688
        assert shown.locator(".scroll").evaluate_all("all => all.filter(s => s.scrollWidth > s.clientWidth + 1).length") == 0
