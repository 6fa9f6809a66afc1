"""Write one figure of the records as stand-alone SVG, for a paper."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def plot(
    records: Annotated[list[Path], typer.Argument(help="results.json, folders of results, or single cases; several are put together.")],
    figure: Annotated[
        str,
        typer.Option(
            help="recovery_by_bits, price, membership_roc, relearning_curves, accuracy_by_class, score_distributions or layers.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it (.svg); of several they are numbered.")] = Path("figure.svg"),
    columns: Annotated[int, typer.Option(min=1, max=12, help="Panels side by side.")] = 3,
    json: options.Json = False,
) -> None:
    """Write one figure of the records as stand-alone SVG, for a paper.

    Example: canforget plot canforget-results --figure recovery_by_bits -o recovery.svg
    """
    from canforget.errors import ArtifactError
    from canforget.file_io import write_atomically
    from canforget.report.figure_list import figures_named
    from canforget.report.record import load_all, over_seeds

    place = options.Destination(out, ".svg", "figures").checked()
    found = figures_named(figure, over_seeds(load_all(records)))
    drawn = [f for f in found if f.panels]
    if not drawn:
        raise ArtifactError(f"--figure {figure}: {found[0].note}")
    places = [place] if len(drawn) == 1 else [place.with_stem(f"{place.stem}-{k + 1}") for k in range(len(drawn))]
    for path, one in zip(places, drawn, strict=True):
        write_atomically(path, one.drawing(columns).encode())
    if json:
        output.echo_json([{"figure": str(p), "title": f.title, "of": list(f.problem)} for p, f in zip(places, drawn, strict=True)])
    else:
        print("\n".join(f"{path}  {one.title}, {' · '.join(one.problem)}" for path, one in zip(places, drawn, strict=True)))
