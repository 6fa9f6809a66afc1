from pathlib import Path
from typing import Any

import numpy
import pytest

from canforget.data.dataset import DataSet, Table, names_array, tables_of
from canforget.errors import DataError, PlanError
from canforget.progress import noting
from canforget.scenarios.ids import ids

LABELS = numpy.zeros(10, dtype=int)
NAMED = tables_of(LABELS, numpy.zeros(2, dtype=int), (names_array([f"ant/{i}.png" for i in range(10)]), names_array(["ant/t.png", ""])))
TRAINED = numpy.isin(numpy.arange(10), [3, 6, 9], invert=True)


def data_set(train: Any, test: Any) -> Any:
    return DataSet("pets", train, test, ("ant",), (1, 2, 2), "", pytest.fail)


@pytest.fixture
def chosen(tmp_path: Path) -> Any:
    def choose(text: Any, tables: Any = NAMED, dataset: Any = True, **arguments: Any) -> Any:
        file = tmp_path / "request.txt"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        known = {"dataset": data_set(*tables)} if dataset else {}
        return ids(tables[0].where(TRAINED), class_names=("a",), rng=numpy.random.default_rng(0), file=str(file), **known, **arguments)

    return choose


def test_a_request_lists_names_and_ids_one_a_line_with_comments(chosen: Any) -> None:
    """Requests are written by people: blank lines, remarks, Windows line ends, an image twice."""
    told: list[Any] = []
    with noting(told.append):
        assert chosen("# request 12\r\n7\r\n\r\n 2  # a face\nant/7.png\n0.png\n").tolist() == [0, 2, 7]
    (line,) = told
    assert line.endswith("request.txt: 4 lines, 3 images to forget; repeated lines: 1")


def test_a_request_without_repetition_is_carried_out_without_a_word(chosen: Any) -> None:
    told: list[Any] = []
    with noting(told.append):
        chosen("7\n")
    assert not told


def test_images_of_the_validation_and_the_test_part_are_left_out_when_asked_and_counted(chosen: Any) -> None:
    """A real request does not know which images were carved away for validation, and whoever made it must learn how many were."""
    told: list[Any] = []
    with noting(told.append):
        assert chosen("2\n3.png\n6\n7\nant/t.png", untrained="skip").tolist() == [2, 7]
    assert told[0].endswith("5 lines, 2 images to forget; in the test part and left out: 1; in the validation part and left out: 2")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("2\n3\nant/6.png\n9", DataError, "3 of the images (train/ant/3.png (id 3), train/ant/6.png (id 6), train/ant/9.png (id 9)) "
         "lie in the validation part and are not trained on; remove them, or leave them out with untrained=skip"),
        ("t.png\n11\n", DataError, "2 of the images (test/ant/t.png (id 10), id 11) lie in the test part"),
        ("1\n-1\n12\n13", DataError, "request.txt:2: no image has the id -1; ids are 0 to 11 (2 more lines name none)"),
        ("1\ntwo.png\n", DataError, "request.txt:2: no image 'two.png'"),
        ("# none\n", PlanError, "the forget set is empty"),
        ("0\n1\n2\n4\n5\n7\n8\n", PlanError, "the forget set is the whole training set (7 images)"),
        (b"\xff\xfe1", DataError, "cannot be read as a text file of file names or ids"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_met_is_one_line_that_says_why(chosen: Any, text: Any, error: Any, message: Any) -> None:
    """Images left out in silence are images that stay learned."""
    with pytest.raises(error) as caught:
        chosen(text)
    assert message in str(caught.value)


def test_ids_beyond_the_data_set_are_never_skipped(chosen: Any) -> None:
    """They are a sign that the request speaks of another data set."""
    with pytest.raises(DataError, match="no image has the id 12"):
        chosen("2\n12\n", untrained="skip")


def test_images_without_names_are_asked_for_by_id(chosen: Any) -> None:
    bare = tuple(Table(t.labels, t.ids) for t in NAMED)
    assert chosen("1\n4", bare).tolist() == [1, 4]
    assert chosen("1\n4", bare, dataset=False).tolist() == [1, 4]


def test_a_request_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match=r"ids: nowhere\.txt: cannot be read"):
        ids(NAMED[0], class_names=("a",), rng=numpy.random.default_rng(0), file="nowhere.txt")
