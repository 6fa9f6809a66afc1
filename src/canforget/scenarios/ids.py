"""Exactly the images listed in a text file are forgotten: what a real request looks like."""

from pathlib import Path
from typing import Annotated, Literal

import numpy
from numpy.random import Generator

from canforget.data.dataset import Ids, Table
from canforget.data.stratify import forgettable
from canforget.errors import DataError
from canforget.hyperparameters import FreeText
from canforget.registry import component


@component(version=1)
def ids(
    train: Table,
    *,
    class_names: tuple[str, ...],
    rng: Generator,
    file: Annotated[str, FreeText("a file that lists what is to be forgotten")],
    untrained: Literal["refuse", "skip"] = "refuse",
) -> Ids:
    """Sorted ids that `file` lists, one a line; what follows a # is a comment, and an id listed twice counts once.

    An id is an image's place in the data set's training part, from 0. An id that was never trained on, because it lies in the
    validation part, has nothing to be forgotten: "refuse" says so, "skip" leaves it out. An id beyond the data set is always an error.
    """
    asked = numpy.unique(numpy.array(listed_ids(Path(file)), dtype=numpy.int64))
    last = int(train.ids.max())
    refuse_ids(asked[(asked < 0) | (asked > last)], file, f"do not exist; ids of training images are 0 to {last}")
    unseen = asked[~numpy.isin(asked, train.ids)]
    if untrained == "refuse":
        refuse_ids(unseen, file, 'lie in the validation part and are not trained on; remove them, or pass untrained="skip"')
    return forgettable(numpy.setdiff1d(asked, unseen), train, f"ids: {file}")


def listed_ids(file: Path) -> list[int]:
    """The ids that a text file lists, in its order."""
    try:
        lines = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"ids: {file}: cannot be read as a text file of ids, one a line: {problem}") from None
    for number, line in enumerate(lines, start=1):
        if line and not (line.removeprefix("-").isdecimal() and len(line) < 19):
            raise DataError(f"ids: {file}:{number}: '{line}' is not an id; write one whole number a line")
    return [int(line) for line in lines if line]


def refuse_ids(wrong: Ids, file: str, complaint: str) -> None:
    """Raises `DataError` that names the first five of the `wrong` ids, when there are any."""
    if len(wrong):
        shown = ", ".join(str(i) for i in wrong[:5].tolist()) + (", ..." if len(wrong) > 5 else "")
        raise DataError(f"ids: {file}: {len(wrong)} of the ids ({shown}) {complaint}")
