"""Refusals in words."""

import pytest

from canforget.data.images import Split
from canforget.errors import DataError
from canforget.unlearning.requirements import require_images, require_whole_classes


def test_an_empty_set_is_refused_by_name(digits_split: Split) -> None:
    """A loop over nothing returns the original model without a word."""
    with pytest.raises(DataError, match="scrub: the retain set is empty"):
        require_images("scrub", forget=digits_split.forget, retain=digits_split.retain[:0])


def test_a_part_of_a_class_is_refused_where_whole_classes_are_needed(digits_split: Split) -> None:
    """A method that removes a class would remove the retained images of it too."""
    assert require_whole_classes("unsir", digits_split.forget, digits_split.retain) == [0]
    with pytest.raises(DataError, match=r"retain set has images of \[0\] too"):
        require_whole_classes("unsir", digits_split.forget[:5], digits_split.forget[5:])
