import numpy
import pytest

from canforget.data.dataset import DataSet, Table, first_images, tables_of
from canforget.errors import DataError


def test_test_ids_go_on_where_training_ids_end() -> None:
    """Ids that start anew for the test set make an audit take a test image for a training image."""
    train, test = tables_of(numpy.array([0, 1, 1]), numpy.array([1, 0]))
    assert train.ids.tolist() == [0, 1, 2]
    assert test.ids.tolist() == [3, 4]
    assert train.labels.dtype == test.ids.dtype == numpy.int64


def test_a_table_with_fewer_labels_than_ids_is_refused() -> None:
    """numpy would broadcast or cut in silence further down."""
    with pytest.raises(DataError, match="1 labels and 2 ids"):
        Table(numpy.array([0]), numpy.array([0, 1]))


def test_rows_keep_their_order_whatever_the_order_of_the_ids() -> None:
    """`isin` keeps the table's order, indexing by ids would not."""
    table = Table(numpy.array([5, 6, 7]), numpy.array([10, 20, 30]))
    assert table.only(numpy.array([30, 10])).labels.tolist() == [5, 7]
    assert len(table.only(numpy.array([99]))) == 0


def small_set() -> DataSet:
    train, test = tables_of(numpy.array([0, 1, 1, 0]), numpy.array([1, 0, 1]))
    pixels = numpy.arange(7, dtype=numpy.uint8)[:, None, None, None]
    return DataSet("small", train, test, ("a", "b"), (1, 1, 1), "whole", lambda: (pixels[:4], pixels[4:]))


def test_the_first_images_of_a_data_set_are_a_data_set_of_their_own() -> None:
    """Its ids, pixels and fingerprint are its own: a test image that took the place of a training image would be taken for it."""
    part = first_images(small_set(), 2, 1)
    assert [t.ids.tolist() for t in (part.train, part.test)] == [[0, 1], [2]]
    assert [t.labels.tolist() for t in (part.train, part.test)] == [[0, 1], [1]]
    assert [p.ravel().tolist() for p in part.pixels()] == [[0, 1], [4]]
    prints = [first_images(small_set(), *counts).fingerprint for counts in ((None, None), (2, 1), (2, None), (4, 1))]
    assert prints[0] == "whole"
    assert len(set(prints)) == 4


def test_more_images_than_there_are_is_one_line() -> None:
    with pytest.raises(DataError, match="small: test_count=4: there are 3 images; give at most that"):
        first_images(small_set(), None, 4)
