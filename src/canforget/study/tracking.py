"""Training curves and records as scalars of TensorBoard: an extra, asked for by `--track FOLDER`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from canforget.errors import SpecError
from canforget.progress import measuring
from canforget.report.record import AXES, Record


def require_tensorboard() -> Any:
    """The writer of TensorBoard's files; one clear line where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise SpecError("--track: tensorboard is not installed (pip install 'canforget[track]')") from None
    return SummaryWriter


@contextmanager
def tracked(folder: Path | None, name: str) -> Iterator[None]:
    """Writes what a training in the block measures, an epoch a step, under `folder`/training/`name`; nothing where there is no folder."""
    if folder is None:
        yield
        return
    make, opened = require_tensorboard(), list[Any]()

    def write(measure: str, value: float, epoch: int) -> None:
        """A scalar; the first of them opens the file."""
        if not opened:
            opened.append(make(str(folder / "training" / folder_name(name))))
        opened[0].add_scalar(measure, value, epoch)

    try:
        with measuring(write):
            yield
    finally:
        for writer in opened:
            writer.close()


def track_records(folder: Path, records: Sequence[Record]) -> None:
    """Writes every value of every record, the seed as the step, under `folder`/records, a run a row."""
    make = require_tensorboard()
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(" ".join(str(getattr(record.case, axis)) for axis in AXES[:-1]), []).append(record)
    for name, group in rows.items():
        writer = make(str(folder / "records" / folder_name(name)))
        for record in group:
            for value, found in record.values.items():
                if found.value is not None:
                    writer.add_scalar(value.replace(".", "/", 1), found.value, record.case.seed)
        writer.close()


def folder_name(text: str) -> str:
    """A text as the name of a folder, of at most 200 characters.

    >>> folder_name("train x:a=1 on digits (seed 0)"), folder_name("../up")
    ('train_x_a=1_on_digits_seed_0', 'up')
    """
    return re.sub(r"[^\w.=,+-]+", "_", text).strip("._")[:200] or "unnamed"
