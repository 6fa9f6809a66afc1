"""Runs a study from plan to files: progress, records, summary; for the command line and notebooks alike."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canforget.report import table
from canforget.report.controls import ControlOutcome, control_outcomes, controls_text
from canforget.report.record import Record, save_records
from canforget.study.definition import Study
from canforget.study.plan import Plan, plan
from canforget.study.progress_bar import interactive, watching
from canforget.study.schedule import Outcome
from canforget.study.store import Store

if TYPE_CHECKING:
    from canforget.study.plan import Plan
import os
from collections.abc import Callable

from canforget.errors import DamagedError
from canforget.progress import listening, noting
from canforget.registry import plugin_paths
from canforget.report.judgment import with_verdicts
from canforget.study.collect_records import record_of
from canforget.study.plan import Plan
from canforget.study.schedule import ROUNDS, Job, outcomes


@dataclass(frozen=True)
class Done:
    """What became of a study: its records, the files they are in, and what failed."""

    plan: Plan
    records: Sequence[Record]
    files: Sequence[Path]
    failures: Sequence[Outcome]
    computed: int
    controls: Sequence[ControlOutcome] = ()

    def text(self, wide: bool = False) -> str:
        """The table, then what was computed and where the records are."""
        steps = f"{self.computed} steps computed, {len(self.plan.steps) - self.computed - len(self.failures)} found in the store"
        lines = [table.table_text(self.records, wide=wide), "", f"{len(self.records)} cases; {steps}."]
        if self.failures:
            lines += [f"{len(self.failures)} steps failed or were skipped:", *(f"  {f.step.label}: {f.error}" for f in self.failures)]
        if self.controls:
            lines.append(controls_text(self.controls))
        folder = self.files[-1].parent
        names = {"cases/": "one JSON a case, and their index", "results.json": "all records", "results.parquet": "every value as one row"}
        return "\n".join([*lines, *(f"  {folder / name}  {what}" for name, what in names.items())])

    def to_json(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        return {"study": self.plan.study.name, "computed": self.computed, "controls": [asdict(c) for c in self.controls], "steps": len(self.plan.steps), "records": [asdict(r) for r in self.records],
                "failures": [{"step": f.step.label, "error": f.error} for f in self.failures]}  # fmt: skip


def run_study(
    study: Study, *, store: Path | str = "canforget-store", out: Path | str = "canforget-results", engine: str = "processes", workers: int = 2,
    data_dir: Path | None = None, device: str = "cpu",
) -> Done:  # fmt: skip
    """Plans and runs a study, writes its records to `out`, and returns them; what the store holds is not computed again."""
    return carry_out(plan(study, data_dir), Path(store), Path(out), engine=engine, workers=workers, data_dir=data_dir, device=device)


def carry_out(
    drawn: Plan, store: Path, out: Path, *, engine: str = "serial", workers: int = 1, data_dir: Path | None = None, device: str = "cpu"
) -> Done:
    """Runs a plan with progress shown and its records written to `out`."""
    workers = workers if engine != "serial" else 1
    with watching(drawn.steps, workers, interactive()) as watch, noting(watch.line):
        records = run(
            drawn,
            Store(store),
            engine=engine,
            workers=workers,
            data_dir=data_dir,
            device=device,
            notify=watch.notify,
            advance=watch.advance,
        )
    controls = control_outcomes(records)
    about = {"study": drawn.study.name} | ({"controls": [asdict(c) for c in controls]} if controls else {})
    files = save_records(records, [c.key for c in drawn.cases], out, about)
    return Done(drawn, records, files, watch.failures, watch.computed, controls)


def run(
    plan: Plan,
    store: Store | str | Path,
    *,
    engine: str = "serial",
    workers: int = 1,
    data_dir: Path | None = None,
    device: str = "cpu",
    notify: Callable[[Outcome], None] = lambda outcome: None,
    advance: Callable[[float], None] = lambda fraction: None,
) -> list[Record]:
    """Carries `plan` out and returns one record a case; a failed step costs the cases that need it, and no other.

    An artifact of the store that is not as it was written is named in one line, set aside and computed again.
    """
    store = store if isinstance(store, Store) else Store(Path(store))
    store.sweep()
    threads = max(1, (os.cpu_count() or 1) // workers) if engine != "serial" else 0
    job = Job(store.root, data_dir, device, tuple(plugin_paths()), threads)
    errors: dict[tuple[str, str], str] = {}
    for again in reversed(range(ROUNDS)):
        with listening(advance):
            for outcome in outcomes(plan, job, engine, workers, errors):
                notify(outcome)
                if outcome.error:
                    errors[outcome.step.name] = outcome.error
        try:
            return with_verdicts([record_of(case, plan, store, errors) for case in plan.cases])
        except DamagedError:
            if not again:
                raise
    return []
