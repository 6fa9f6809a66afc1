"""Exactly the images listed in a text file are forgotten, by file name or id: what a real request looks like."""

from pathlib import Path
from typing import Annotated, Literal

import numpy
from numpy.random import Generator

from canforget.data.dataset import DataSet, Ids, Table
from canforget.data.request import Image, read_request, requested
from canforget.data.stratify import forgettable
from canforget.errors import DataError
from canforget.hyperparameters import FreeText
from canforget.progress import note
from canforget.registry import component


@component(version=1)
def ids(
    train: Table,
    *,
    class_names: tuple[str, ...],
    rng: Generator,
    dataset: DataSet | None = None,
    file: Annotated[str, FreeText("a file that lists what is to be forgotten")],
    untrained: Literal["refuse", "skip"] = "refuse",
) -> Ids:
    """Sorted ids of the training images that `file` lists, one a line; what follows a # is a comment, and an image listed twice counts once.

    A line is an image's file name, as far as one image alone has it; its path within the data set, which train/ or test/ may precede; or
    its id, its place in the training part from 0. An image that was never trained on, because it lies in the validation or the test part,
    has nothing to be forgotten: "refuse" says so, "skip" leaves it out and says how many. A line that names no image is always an error.
    """
    parts = {"train": train} if dataset is None else {"train": dataset.train, "test": dataset.test}
    lines = read_request(Path(file))
    asked = requested(lines, parts, f"ids: {file}", None if dataset is None else dataset.root)
    listed = list(dict.fromkeys(asked))
    trained = set(train.ids.tolist())
    unseen = {
        where: [i for i in listed if i.id not in trained and (i.part == "test") == (where == "test")] for where in ("test", "validation")
    }
    if untrained == "refuse":
        refuse_unseen(unseen, file, cut=dataset is not None and dataset.test_is_cut)
    chosen = numpy.array([i.id for i in listed if i.id in trained], dtype=numpy.int64)
    forget = forgettable(chosen, train, f"ids: {file}")
    told = [f"repeated lines: {len(asked) - len(listed)}"] if len(asked) > len(listed) else []
    told += [f"in the {where} part and left out: {len(found)}" for where, found in unseen.items() if found]
    if told:
        note(f"ids: {file}: {len(lines)} lines, {len(forget)} images to forget; {'; '.join(told)}")
    return forget


def refuse_unseen(unseen: dict[str, list[Image]], file: str, *, cut: bool) -> None:
    """Raises `DataError` that names the first few images that were never trained on, when there are any."""
    for where, found in unseen.items():
        if found:
            shown = ", ".join(map(str, found[:3])) + (", ..." if len(found) > 3 else "")
            raise DataError(
                f"ids: {file}: {len(found)} of the images ({shown}) lie in the {where} part and are not trained on; "
                "remove them, or leave them out with untrained=skip"
                + ("; was the model trained on them, lay the images out in train/ and test/" if cut and where == "test" else "")
            )
