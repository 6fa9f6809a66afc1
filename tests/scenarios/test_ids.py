import numpy
import pytest

from canforget.data.dataset import Table
from canforget.errors import DataError, PlanError
from canforget.scenarios.ids import ids

TABLE = Table(numpy.zeros(8, dtype=int), numpy.array([0, 1, 2, 4, 5, 7, 8, 9]))


@pytest.fixture
def chosen(tmp_path):
    def choose(text, **arguments):
        file = tmp_path / "request.txt"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return ids(TABLE, class_names=("a",), rng=numpy.random.default_rng(0), file=str(file), **arguments)

    return choose


def test_a_request_lists_ids_one_a_line_with_comments(chosen):
    """Requests are written by people: blank lines, remarks, Windows line ends, an id twice."""
    assert chosen("# request 12\r\n7\r\n\r\n 2  # a face\n7\n").tolist() == [2, 7]


def test_ids_of_the_validation_part_are_left_out_when_asked(chosen):
    """A real request does not know which images were carved away for validation."""
    assert chosen("2\n3\n6\n7", untrained="skip").tolist() == [2, 7]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("2\n3\n6\n", DataError, "2 of the ids (3, 6) lie in the validation part and are not trained on"),
        ("1\n-1\n" + "\n".join(map(str, range(10, 20))), DataError, "11 of the ids (-1, 10, 11, 12, 13, ...) do not exist; "
         "ids of training images are 0 to 9"),
        ("1\ntwo\n", DataError, "request.txt:2: 'two' is not an id"),
        ("1\n" + "9" * 30, DataError, "is not an id; write one whole number a line"),
        ("# none\n", PlanError, "the forget set is empty"),
        ("0\n1\n2\n4\n5\n7\n8\n9\n", PlanError, "the forget set is the whole training set (8 images)"),
        (b"\xff\xfe1\n", DataError, "cannot be read as a text file of ids"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_met_is_one_line_that_says_why(chosen, text, error, message):
    """Ids left out in silence are images that stay learned."""
    with pytest.raises(error) as caught:
        chosen(text)
    assert message in str(caught.value)


def test_ids_beyond_the_data_set_are_never_skipped(chosen):
    """They are a sign that the request speaks of another data set."""
    with pytest.raises(DataError, match="do not exist"):
        chosen("2\n10\n", untrained="skip")


def test_a_request_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"ids: nowhere\.txt: cannot be read"):
        ids(TABLE, class_names=("a",), rng=numpy.random.default_rng(0), file="nowhere.txt")
