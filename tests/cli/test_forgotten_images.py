"""Images of the forget set are shown only when asked for, and only those of the records' own data."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canforget.cli.forgotten_images import MOST_IMAGES, forgotten_images
from canforget.errors import DataError
from canforget.report.page.build import PageText, page_html
from canforget.report.record import Label, Record
from canforget.spec import parse
from canforget.study.definition import Study
from canforget.study.plan import plan
from tests.report.test_judgment import study


def of_digits(**changes: Any) -> Record:
    """A record that says which images it is of."""
    case = plan(Study.of(datasets="digits", models="tiny_cnn", scenarios="whole_class:classes=3", unlearners="finetune", seeds=1)).cases[0]
    data = parse("datasets", "digits").component.load()()
    return replace(
        Record(Label(*case.labels), hyperparameters=dict(case.hyperparameters), data={"fingerprint": data.fingerprint}), **changes
    )


def test_the_images_are_those_of_the_class_that_was_forgotten() -> None:
    ((problem, found),) = forgotten_images([of_digits()], None).items()
    assert problem == ("digits", "tiny_cnn", "whole_class:classes=3")
    assert [name for _, name in found] == ["3"] * MOST_IMAGES
    assert all(address.startswith("data:image/png;base64,") for address, _ in found)


def test_other_data_than_the_records_are_refused() -> None:
    with pytest.raises(DataError, match="other images than those of the records"):
        forgotten_images([of_digits(data={"fingerprint": "0"})], None)
    with pytest.raises(DataError, match="do not say"):
        forgotten_images(study(1), None)


def test_a_page_shows_images_only_where_they_are_given(tmp_path: Path) -> None:
    records = study(2)
    problem = records[0].case.dataset, records[0].case.model, records[0].case.scenario
    assert "<img" not in page_html(records, PageText("t"))
    assert page_html(records, PageText("t", (), {problem: [("data:image/png;base64,AA", "cat")]})).count("<img") == 1
