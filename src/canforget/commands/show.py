"""Show what the records of a run say: the answer in words, and the table."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output
from canforget.errors import SpecError, did_you_mean
from canforget.report import controls, record, terminal


def show(
    path: Annotated[Path, typer.Argument(help="results.json, a folder of results, or one case's file.")] = Path("canforget-results"),
    unlearner: Annotated[str | None, typer.Option(help="Only this unlearner.", show_default=False)] = None,
    quantizer: Annotated[str | None, typer.Option(help="Only this format.", show_default=False)] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(show_default=False, help="Other values of the records than the usual ones, as in code_flips test.loss."),
    ] = None,
    wide: options.Wide = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of a record and leave.")] = False,
    recovery: Annotated[bool, typer.Option("--recovery", help="Show instead what rounding brought back, over seeds.")] = False,
    measure: Annotated[str, typer.Option(help="With --recovery: accuracy, probability, margin, rank or auc.")] = "margin",
    json: options.Json = False,
) -> None:
    """Show what the records of a run say: the answer in words, and the table.

    Example: canforget show canforget-results --quantizer none

    Example: canforget show canforget-results --recovery --measure accuracy

    Example: canforget show canforget-results --columns code_flips test.loss
    """
    if schema:
        output.echo_json(record.schema())
        return
    wanted = {k: v for k, v in (("unlearner", unlearner), ("quantizer", quantizer)) if v is not None}
    every = record.load_records(path)
    records = record.select(every, **wanted)
    if recovery:
        show_recovery(records, measure, json, wide)
    elif json:
        output.echo_json([asdict(r) for r in records])
    else:
        print(terminal.terminal_text(records, columns or (), wide, controls.control_outcomes(every)))


def show_recovery(records: list[record.Record], measure: str, json: bool, wide: bool) -> None:
    """Prints what rounding brought back, of one measure."""
    from canforget.report import recovery_over_seeds, recovery_table

    if measure not in recovery_over_seeds.MEASURES:
        raise SpecError(
            f"--measure: no '{measure}'{did_you_mean(measure, recovery_over_seeds.MEASURES)}; known: {', '.join(recovery_over_seeds.MEASURES)}"
        )
    found = recovery_over_seeds.recoveries(records, measure)
    if not found:
        raise SpecError("--recovery: no unlearned model among these records; run a study that has some")
    if json:
        output.echo_json([asdict(block) | {"answer": block.answer()} for block in found])
    else:
        print(recovery_table.text(found, wide))
