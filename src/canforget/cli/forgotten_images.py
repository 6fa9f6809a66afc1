"""A few images of the forget set for a page, only where someone asks: they are what was asked to be forgotten."""

import base64
import io
from collections.abc import Iterable
from pathlib import Path

from canforget.errors import DataError
from canforget.report.record import Record

MOST_IMAGES = 12
SHOWN_PIXELS = 64
Pictures = dict[tuple[str, str, str], list[tuple[str, str]]]
"""By data set, model and scenario: the address of each image (`data:`), and its class in words."""


def forgotten_images(records: Iterable[Record], data_dir: Path | None) -> Pictures:
    """The first images of the forget set of each problem, of its first seed; raises `DataError` where the data are not those of the records."""
    found: Pictures = {}
    for record in records:
        problem = record.case.dataset, record.case.model, record.case.scenario
        if problem not in found and not record.not_run and record.hyperparameters.get("dataset"):
            found[problem] = pictures_of(record, data_dir)
    if not found:
        raise DataError(
            "--show-images: these records do not say which data set and scenario they are of; make them again with canforget run"
        )
    return found


def pictures_of(record: Record, data_dir: Path | None) -> list[tuple[str, str]]:
    """The images of one record's split."""
    from canforget.data.images import images_of
    from canforget.data.split import split_by
    from canforget.spec import call_of

    told = record.hyperparameters
    dataset = call_of(told["dataset"])
    data = dataset.component.load()(data_dir=data_dir, **dataset.arguments())
    if data.fingerprint != record.data.get("fingerprint"):
        raise DataError(f"--show-images: {dataset.label}: other images than those of the records; name their folder with --data-dir")
    settings = {k: told[k] for k in ("val_fraction", "held_out_fraction", "calibration") if k in told}
    chosen = split_by(data, call_of(told["scenario"]), seed=told.get("split_seed", record.case.seed), **settings).sets["forget"][
        :MOST_IMAGES
    ]
    every = images_of(data)
    places = {int(i): k for k, i in enumerate(every.ids)}
    return [(png_address(every.x[places[int(i)]].numpy()), str(data.classes[int(every.y[places[int(i)]])])) for i in chosen]


def png_address(pixels: object) -> str:
    """Pixels [channels, height, width] in 0..255 as the address of a PNG of at most 64 pixels a side."""
    import numpy
    from PIL import Image

    x = numpy.asarray(pixels).transpose(1, 2, 0)
    image = Image.fromarray(x[:, :, 0] if x.shape[2] == 1 else x)
    image.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS))
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
