"""Runs a study from plan to files: progress, records, summary; for the command line and notebooks alike."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from canforget.errors import DamagedError
from canforget.progress import listening, noting
from canforget.registry import plugin_paths
from canforget.report import terminal
from canforget.report.controls import ControlOutcome, control_outcomes
from canforget.report.fit_width import WIDTH, broken_at_commas
from canforget.report.judgment import with_verdicts
from canforget.report.record import Record, save_records
from canforget.study.collect_records import record_of
from canforget.study.definition import Study
from canforget.study.engine_options import WORKERS, EngineOptions
from canforget.study.expected_costs import ExpectedCosts
from canforget.study.plan import Plan, plan
from canforget.study.remote_store import store_at
from canforget.study.reporting import reported
from canforget.study.run_state import FailedStep
from canforget.study.schedule import ROUNDS, Job, Outcome, Started, outcomes, unheard
from canforget.study.store import Store
from canforget.study.tracking import require_tensorboard, track_records


@dataclass(frozen=True)
class Done:
    """What became of a study: its records, the files they are in, and what failed."""

    plan: Plan
    records: Sequence[Record]
    files: Sequence[Path]
    failures: Sequence[Outcome]
    computed: int
    controls: Sequence[ControlOutcome] = ()
    failed: Sequence[FailedStep] = ()

    def text(self, wide: bool = False) -> str:
        """The answer and the table, then what was computed and where the records are."""
        steps = f"{self.computed} steps computed, {len(self.plan.steps) - self.computed - len(self.failures)} found in the store"
        lines = [terminal.terminal_text(self.records, wide=wide, controls=self.controls), "", f"{len(self.records)} cases; {steps}."]
        folder = self.files[-1].parent
        names = {"cases/": "one JSON a case, and their index", "results.json": "all records", "results.parquet": "every value as one row"}
        lines += [f"  {folder / name}  {what}" for name, what in names.items()]
        return "\n".join([*lines, *(["", self.failures_text()] if self.failures else [])])

    def failures_text(self) -> str:
        """Every step that failed of itself, why, and the command that does it again; how many were skipped for it."""
        skipped = len(self.failures) - len(self.failed)
        also = f", and {skipped} that need {'it' if len(self.failed) == 1 else 'them'} were skipped" if skipped else ""
        lines = [f"{len(self.failed)} step{'s' if len(self.failed) != 1 else ''} failed{also}:"]
        for step in self.failed:
            lines += [f"  {step.label}", *(f"    {part}" for part in broken_at_commas(step.error, WIDTH - 4))]
            lines += [f"    again: {step.again}"] if step.again else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The answer and the table in a notebook, and what failed."""
        from canforget.report.notebook import answer_markup, table_markup

        failed = [[f.step.label, f.error] for f in self.failures]
        return answer_markup(self.records) + (table_markup("failed or skipped", ["step", "why"], failed) if failed else "")

    def to_json(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        return {"study": self.plan.study.name, "computed": self.computed, "controls": [asdict(c) for c in self.controls], "steps": len(self.plan.steps), "records": [asdict(r) for r in self.records],
                "failures": [{"step": f.step.label, "error": f.error} for f in self.failures], "again": [asdict(f) for f in self.failed]}  # fmt: skip


def run_study(
    study: Study, *, store: Path | str = "canforget-store", out: Path | str = "canforget-results", engine: str = "processes",
    workers: int | None = None, data_dir: Path | None = None, device: str = "cpu", step_limit: float | None = None, ray_address: str = "",
    cpus_per_step: int = 1, gpus_per_step: float = 0.0,
) -> Done:  # fmt: skip
    """Plans and runs a study, writes its records to `out`, and returns them; what the store holds is not computed again.

    `engine` is "serial", "processes" or "ray"; `workers` steps are carried out at once (two processes, or as many as a Ray cluster has room
    for). A step may take `step_limit` seconds. `ray_address` is the head of a cluster, as in "10.0.0.1:6379"; each step there gets
    `cpus_per_step` cores, and one that runs a network `gpus_per_step` GPUs, or that part of one.
    """
    options = EngineOptions(step_limit, ray_address, cpus_per_step, gpus_per_step)
    return carry_out(
        plan(study, data_dir), store_at(store).place, Path(out), engine=engine, workers=workers, data_dir=data_dir, device=device,
        engine_options=options,
    )  # fmt: skip


def carry_out(
    drawn: Plan, store: Path, out: Path, *, engine: str = "serial", workers: int | None = None, data_dir: Path | None = None,
    device: str = "cpu", command: str = "", track: Path | None = None, engine_options: EngineOptions = EngineOptions(),
) -> Done:  # fmt: skip
    """Runs a plan with progress shown and its records written to `out`; `command` is what was typed to have it run, if anything was.

    `track` is a folder for TensorBoard: curves of every training and values of every record.
    """
    if track is not None:
        require_tensorboard()
    engine_options.check(engine)
    costs = ExpectedCosts(drawn.steps, store_at(store), device)
    expected = [costs.known(step).seconds for step in drawn.steps]
    with reported(drawn.study.name, drawn.steps, workers_of(engine, workers), command, out, expected) as told, noting(told.view.line):
        records = run(
            drawn, store_at(store), engine=engine, workers=workers, data_dir=data_dir, device=device, notify=told.notify, advance=told.advance,
            started=told.started, track=track, engine_options=engine_options, costs=costs,
        )  # fmt: skip
    if track is not None:
        track_records(track, records)
    controls = control_outcomes(records)
    about = {"study": drawn.study.name} | ({"controls": [asdict(c) for c in controls]} if controls else {})
    files = save_records(records, [c.key for c in drawn.cases], out, about)
    return Done(drawn, records, files, told.failures, told.computed, controls, told.failed)


def run(
    plan: Plan,
    store: Store | str | Path,
    *,
    engine: str = "serial",
    workers: int | None = None,
    data_dir: Path | None = None,
    device: str = "cpu",
    notify: Callable[[Outcome], None] = lambda outcome: None,
    advance: Callable[[float], None] = lambda fraction: None,
    started: Started = unheard,
    track: Path | None = None,
    engine_options: EngineOptions = EngineOptions(),
    costs: ExpectedCosts | None = None,
) -> list[Record]:
    """Carries `plan` out and returns one record a case; a failed step costs the cases that need it, and no other.

    An artifact of the store that is not as it was written is named in one line, set aside and computed again.
    """
    store = store if isinstance(store, Store) else store_at(store)
    engine_options.check(engine)
    store.sweep()
    job = Job(store.place, data_dir, device, tuple(plugin_paths()), threads_of(engine, workers, engine_options), track)
    errors: dict[tuple[str, str], str] = {}
    for again in reversed(range(ROUNDS)):
        with listening(advance), closing(outcomes(plan, job, engine, workers, errors, started, engine_options, costs)) as found:
            for outcome in found:
                notify(outcome)
                if outcome.error:
                    errors[outcome.step.name] = outcome.error
        try:
            return with_verdicts([record_of(case, plan, store, errors) for case in plan.cases])
        except DamagedError:
            if not again:
                raise
    return []


def workers_of(engine: str, workers: int | None) -> int:
    """How many steps are carried out at once, as far as it can be told before an engine begins."""
    return {"serial": 1, "ray": workers or os.cpu_count() or 1}.get(engine, workers or WORKERS)


def threads_of(engine: str, workers: int | None, options: EngineOptions) -> int:
    """The most threads of a step: its share of the cores, never more than the user's own limit; 0 for as many as torch takes."""
    if engine == "serial":
        return 0
    share = options.cpus_per_step if engine == "ray" else max(1, (os.cpu_count() or 1) // workers_of(engine, workers))
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(limit)) if limit.isdecimal() and int(limit) else share
