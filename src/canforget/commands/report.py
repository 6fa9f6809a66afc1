"""Write records, an audit or an evaluation as one self-contained page: the answer in words, the table, the figures, every case."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def report(
    records: Annotated[
        list[Path],
        typer.Argument(
            help="results.json, folders of results, single cases, or what canforget evaluate and audit wrote with --out; several are put together."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the page (.html).")] = Path("page.html"),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Did it forget, and does it stay forgotten?",
    show_images: Annotated[
        bool, typer.Option("--show-images", help="Show a few images of the forget set; they are what was asked to be forgotten.")
    ] = False,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Write records, an audit or an evaluation as one self-contained page: the answer in words, the table, the figures, every case.

    Example: canforget report canforget-results -o page.html

    Example: canforget audit --unlearned u.safetensors --out audit.json; canforget report audit.json -o page.html
    """
    from canforget.cli.paged import pages_of
    from canforget.file_io import write_atomically

    place = options.Destination(out, ".html", "pages").checked()
    made = pages_of(records, title, show_images, data_dir)
    page = made.markup.encode()
    write_atomically(place, page)
    audits = {} if made.audits is None else {"audits": made.audits}
    output.tell({"page": str(place), **audits, "cases": made.cases, "bytes": len(page), "images shown": made.images}, json)
