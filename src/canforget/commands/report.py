"""Write records as one self-contained page: the answer in words, the table, the figures, every case."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def report(
    records: Annotated[list[Path], typer.Argument(help="results.json, folders of results, or single cases; several are put together.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the page (.html).")] = Path("page.html"),
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Did it forget, and does it stay forgotten?",
    show_images: Annotated[
        bool, typer.Option("--show-images", help="Show a few images of the forget set; they are what was asked to be forgotten.")
    ] = False,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Write records as one self-contained page: the answer in words, the table, the figures, every case.

    Example: canforget report canforget-results -o page.html
    """
    from canforget.file_io import write_atomically
    from canforget.report.page.build import PageText, page_html
    from canforget.report.record import load_all

    place = options.Destination(out, ".html", "pages").checked()
    cases = load_all(records)
    pictures = {}
    if show_images:
        from canforget.cli.forgotten_images import forgotten_images

        pictures = forgotten_images(cases, data_dir)
    page = page_html(cases, PageText(title, tuple(dict.fromkeys(path.name for path in records)), pictures)).encode()
    write_atomically(place, page)
    output.tell({"page": str(place), "cases": len(cases), "bytes": len(page), "images shown": sum(map(len, pictures.values()))}, json)
