"""A notebook shows the answer before the table, and names are only text."""

from xml.etree import ElementTree

from canforget.report.judgment import with_verdicts
from canforget.report.notebook import answer_markup, record_markup
from canforget.report.record import Label, Measured, Record
from canforget.study.definition import Study
from canforget.study.plan import plan
from canforget.study.run import Done
from tests.report.test_judgment import study


def test_the_answer_comes_before_the_table() -> None:
    found = answer_markup(with_verdicts(study(3)))
    assert found.index("Did m forget") < found.index("<table")
    assert "consistent with retraining" in found


def test_a_record_shows_every_value_and_why_there_is_none() -> None:
    record = Record(Label("<b>", "m", "s", "u", "none", 0), {"a": Measured(0.5, (0.4, 0.6)), "b": Measured(not_run="because <i>")})
    root = ElementTree.fromstring(f"<div>{record._repr_html_()}</div>")
    assert record_markup(record) == record._repr_html_()
    assert [[c.text for c in row] for row in root.iter("tr")][1:] == [["a", "0.5", "0.4 to 0.6"], ["b", "not run: because <i>", None]]


def test_a_plan_and_a_finished_study_show_themselves() -> None:
    drawn = plan(Study.of(datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners="scrub", seeds=1))
    assert "judge steps" in drawn._repr_html_()
    assert "Did m forget" in Done(drawn, with_verdicts(study(2)), (), (), 0)._repr_html_()
