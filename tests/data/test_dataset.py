import numpy
import pytest

from canforget.data.dataset import Table, tables_of
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
