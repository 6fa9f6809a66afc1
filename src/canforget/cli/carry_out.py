"""A study carried out from the command line: the run, its answer, or a step of it alone."""

from pathlib import Path

import typer

from canforget.cli import output
from canforget.cli.app import typed_command
from canforget.study.engine_options import EngineOptions
from canforget.study.one_step import carry_out_step
from canforget.study.plan import Plan
from canforget.study.run import carry_out


def run_plan(
    drawn: Plan, *, store: Path, out: Path, engine: str, workers: int | None, data_dir: Path | None, device: str, step: str | None,
    wide: bool, json: bool, track: Path | None = None, engine_options: EngineOptions = EngineOptions(),
) -> None:  # fmt: skip
    """Carries a plan out and prints what became of it; leaves with 1 where a step failed."""
    if step is not None:
        run_step(drawn, step, store, data_dir, device, json)
        return
    done = carry_out(
        drawn, store, out, engine=engine, workers=workers, data_dir=data_dir, device=device, command=typed_command(), track=track,
        engine_options=engine_options,
    )  # fmt: skip
    if json:
        output.echo_json(done.to_json())
    else:
        print(done.text(wide))
    if done.failures:
        raise typer.Exit(1)


def run_step(drawn: Plan, step: str, store: Path, data_dir: Path | None, device: str, json: bool) -> None:
    """Carries one step out, and says what became of it."""
    found = carry_out_step(drawn, step, store, data_dir, device)
    if json:
        output.echo_json({"step": found.step.label, "status": found.status, "seconds": round(found.seconds, 3), "error": found.error})
    else:
        print(f"{found.status}: {found.step.label}{f': {found.error}' if found.error else f' ({found.seconds:.1f} s)'}")
    if found.error:
        raise typer.Exit(1)
