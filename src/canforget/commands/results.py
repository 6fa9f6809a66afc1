"""Filter the records of a run and hand them on: CSV, Parquet, Markdown, LaTeX or JSON."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output
from canforget.errors import SpecError, did_you_mean

FORMATS = ("csv", "parquet", "markdown", "latex")
SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".md": "markdown", ".tex": "latex"}


def results(
    path: Annotated[Path, typer.Argument(help="results.json, a folder of results, or one case's file.")] = Path("canforget-results"),
    dataset: options.Only = None,
    model: options.Only = None,
    scenario: options.Only = None,
    unlearner: options.Only = None,
    quantizer: options.Only = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Only this seed.", show_default=False)] = None,
    columns: Annotated[
        list[str] | None, typer.Option(help="Only these values, as in test.accuracy membership.", show_default=False)
    ] = None,
    over_seeds: Annotated[bool, typer.Option("--over-seeds", help="Means with their intervals over seeds (tables always are).")] = False,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, parquet, markdown or latex; default: by --out, else csv.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write here instead of printing.", show_default=False)] = None,
    json: options.Json = False,
) -> None:
    """Filter the records of a run and hand them on: CSV, Parquet, Markdown, LaTeX or JSON.

    In Python: canforget.results("canforget-results", unlearner="scrub").to_pandas(), or .to_polars().

    Example: canforget results canforget-results --quantizer none --format markdown

    Example: canforget results --columns test.accuracy membership --over-seeds --out values.parquet
    """
    from canforget.file_io import write_atomically
    from canforget.report import results as exported

    chosen = form or (SUFFIXES.get(out.suffix, "") if out is not None else "csv")
    if chosen not in FORMATS:
        why = f"no format '{chosen}'{did_you_mean(chosen, FORMATS)}" if chosen else f"{out} does not say; name one of {', '.join(FORMATS)}"
        raise SpecError(f"--format: {why}")
    if chosen == "parquet" and out is None and not json:
        raise SpecError("--format parquet: is not text; name a file by --out")
    wanted = {"dataset": dataset, "model": model, "scenario": scenario, "unlearner": unlearner, "quantizer": quantizer, "seed": seed}
    found = exported.results(path, **wanted)
    found = found.only(*columns) if columns else found
    if json:
        output.echo_json(found.rows_over_seeds() if over_seeds else found.rows())
        return
    text = {"markdown": found.to_markdown, "latex": found.to_latex}.get(chosen, lambda: found.to_csv(over_seeds))
    if out is None:
        print(text(), end="")
        return
    write_atomically(out, found.to_parquet(over_seeds) if chosen == "parquet" else text().encode())
    print(f"{out}: {len(found.records)} records as {chosen}")
