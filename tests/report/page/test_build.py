"""The page as a reader meets it, in a real browser: quiet, whole without scripts, accessible, filtered, printed."""

import time
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canforget.report.judgment import with_verdicts
from canforget.report.page.build import PageText, not_run, page_html
from canforget.report.record import Measured, Record, load_records
from tests.browsing import opened
from tests.report.test_judgment import study

PUBLISHED = Path(__file__).parents[3] / "results" / "recovery_strength"


@pytest.fixture(scope="module")
def published(tmp_path_factory: Any) -> Path:
    """The page of a published study."""
    path = Path(tmp_path_factory.mktemp("page")) / "page.html"
    path.write_text(page_html(load_records(PUBLISHED), PageText("A study", ("recovery_strength",))), encoding="utf-8")
    return path


def test_nothing_is_asked_of_a_network_and_nothing_complains(browser: Any, published: Path) -> None:
    with opened(browser, published) as page:
        page.wait_for_timeout(100)
        assert page.heard == [published.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Any, published: Path, scheme: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe_playwright_python is not installed").Axe()
    with opened(browser, published, color_scheme=scheme) as page:
        page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
        found = axe.run(page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_nothing_is_wider_than_the_window(browser: Any, published: Path, width: int) -> None:
    """Wide tables scroll within themselves."""
    with opened(browser, published, width) as page:
        page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_every_table_is_there(browser: Any, published: Path) -> None:
    with opened(browser, published, java_script_enabled=False) as page:
        content = page.inner_text("body")
        assert not page.is_visible("#bar")
        assert page.locator("details.case").count() > 10
        for words in ("The question and the answer", "retrained", "random_labels:fit.epochs=2", "What was not run"):
            assert words in content
        page.click("text=The table as CSV")
        assert "dataset,model,scenario" in page.inner_text("#csv")


def test_filters_show_what_they_say(browser: Any, published: Path) -> None:
    with opened(browser, published) as page:
        page.select_option('select[data-by="3"]', "int4")
        shown = page.eval_on_selector_all("table.main tbody", "all => all.filter(b => b.offsetParent).map(b => b.dataset[3])")
        assert shown == ["int4"]
        assert page.inner_text("#shown") == f"{page.locator('table.main tbody:visible tr:not(.group)').count()} rows shown"


def test_columns_are_sorted_and_retrained_models_stay_first(browser: Any, published: Path) -> None:
    with opened(browser, published) as page:
        page.click("table.main thead th:nth-child(2) button")
        cells = page.eval_on_selector_all(
            "table.main tbody:first-of-type tr:not(.group)", "rows => rows.map(r => [r.cells[0].innerText, r.cells[1].innerText])"
        )
        assert cells[0][0] == "retrained"
        values = [float(value.split()[0]) for _, value in cells[1:] if not value.startswith("not run")]
        assert values == sorted(values)
        assert page.get_attribute("table.main thead th:nth-child(2)", "aria-sort") == "ascending"


def test_the_table_is_saved_as_csv(browser: Any, published: Path) -> None:
    with opened(browser, published) as page:
        with page.expect_download() as waiting:
            page.click("#csv-save")
        text = Path(waiting.value.path()).read_text(encoding="utf-8")
        assert text.startswith("dataset,model,scenario,unlearner,format,seeds,test.accuracy,")


def test_a_case_is_chosen_in_the_page_and_by_its_address(browser: Any, published: Path) -> None:
    with opened(browser, published) as page:
        shown = "details.case:not([hidden])"
        assert page.locator(shown).count() == 1
        page.select_option("#case", "case-5")
        assert page.get_attribute(shown, "id") == "case-5"
        assert "canforget run --datasets cifar10" in page.inner_text(f"{shown} pre")
        page.evaluate("location.hash = '#case-7'")
        page.wait_for_selector("#case-7:not([hidden])")
        assert page.input_value("#case") == "case-7"


def test_everything_is_reached_by_keyboard(browser: Any, published: Path) -> None:
    """The first stop leads past the navigation; filters, buttons and scrolled tables are stops of their own."""
    with opened(browser, published) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        stops = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            stops.add(
                page.evaluate("document.activeElement.tagName + '.' + (document.activeElement.id || document.activeElement.className)")
            )
        assert {"SELECT.", "BUTTON.theme", "BUTTON.csv-save", "DIV.scroll"} <= stops


def test_a_reader_may_switch_to_dark(browser: Any, published: Path) -> None:
    with opened(browser, published, color_scheme="light") as page:
        color = "getComputedStyle(document.documentElement).backgroundColor"
        before = page.evaluate(color)
        page.click("#theme")
        assert page.evaluate(color) != before


def test_it_prints_on_a4(browser: Any, published: Path) -> None:
    """182 mm lie between the margins; what is wider would be cut off."""
    with opened(browser, published, 688) as page:
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") <= 688
        wide = page.eval_on_selector_all(
            ".scroll", "all => all.filter(s => s.scrollWidth > s.clientWidth + 1).map(s => s.innerText.slice(0, 40))"
        )
        assert wide == []


HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=alert(1)>\"'\n\u202etxet"


def test_hostile_names_are_only_text(browser: Any, tmp_path: Path) -> None:
    records = [
        replace(
            r,
            case=replace(r.case, dataset=HOSTILE, unlearner=r.case.unlearner if r.case.unlearner != "scrub" else HOSTILE, scenario=HOSTILE),
            data={"classes": [HOSTILE] * 3},
            values=r.values | {"x": Measured(not_run=HOSTILE)},
        )
        for r in study(2, ("none", HOSTILE))
    ]
    path = tmp_path / "page.html"
    path.write_text(page_html(with_verdicts(records), PageText(HOSTILE, (HOSTILE,))), encoding="utf-8")
    with opened(browser, path) as page:
        page.wait_for_timeout(100)
        assert page.heard == [path.as_uri()]
        assert page.title() != "hacked"
        assert page.locator("script").count() == 1
        assert page.locator("img").count() == 0
    assert "\u202e" not in path.read_text(encoding="utf-8")


def test_what_was_not_run_is_counted_with_its_reason() -> None:
    records = [*study(2), Record(study(1)[0].case, not_run="no seed")]
    records[0] = replace(records[0], values={"a.b": Measured(not_run="because"), "a.c": Measured(not_run="because")})
    assert not_run(records) == [("a", 2, "because"), ("retrain at none, whole_class:classes=3", 1, "no seed")]


def test_the_same_records_make_the_same_page() -> None:
    records, about = with_verdicts(study(2)), PageText("t")
    assert page_html(records, about) == page_html(records, about)


class Markup(HTMLParser):
    """The tags of a page, and the attributes that could run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.running: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags[tag] += 1
        self.running += [name for name, value in attrs if name.startswith("on") or str(value).lower().startswith("javascript:")]


@settings(max_examples=15)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_no_name_adds_an_element(name: str) -> None:
    """Whatever classes, scenarios, notes and paths are called, the page has the elements that it has for plain names."""

    def page(word: str) -> Markup:
        records = [
            replace(
                r,
                case=replace(r.case, scenario=f"ids:{word}"),
                hyperparameters={"scenario": {"name": "ids", "parameters": {"file": word}}},
                data={"classes": [word]},
                conditions={word: word},
                values=r.values | {"x": Measured(not_run=word)},
            )
            for r in study(2)
        ]
        return Markup(page_html(with_verdicts(records), PageText(word, (word,))))

    made, plain = page(f"a{name}"), page("a")
    assert made.tags == plain.tags
    assert made.running == []


@pytest.mark.slow
def test_a_thousand_cases_stay_under_a_megabyte_and_open_at_once(browser: Any, tmp_path: Path) -> None:
    """Figures of `benchmarks/page_size.py`: CPU seconds to write it, for other work beside is no fault of the page; opening has room for such work."""
    from benchmarks.page_size import many_records

    records = many_records(1000)
    start = time.process_time()
    page = page_html(records, PageText("A thousand cases"))
    assert time.process_time() - start < 3
    assert len(page.encode()) < 1_000_000
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    with opened(browser, path) as window:
        assert window.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") < 5000
