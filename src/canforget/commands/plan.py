"""Show what a study would compute, and check it, without computing anything."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output
from canforget.cli.looking_ahead import looked_ahead
from canforget.cli.outlook_text import outlook_text
from canforget.errors import SpecError
from canforget.report.record import load_records
from canforget.report.seeds_needed import ASSUMED, by_defaults, by_pilot, needs_text
from canforget.study.plan import Plan
from canforget.study.plan import plan as plan_study
from canforget.study.remote_store import store_at
from canforget.study.schedule import missing

Pilot = Annotated[
    Path | None, typer.Option(help="Records of a smaller study, whose spread over seeds says how many are needed.", show_default=False)
]
Cluster = Annotated[
    int | None, typer.Option("--workers", min=1, max=100_000, help="Say what it would take on so many workers.", show_default=False)
]
Gpus = Annotated[int, typer.Option(min=0, max=100_000, help="GPUs that these workers share; a step has one for itself.")]
GpuSpeedUp = Annotated[
    float | None,
    typer.Option(min=0.001, help="Take a GPU to be so many times as fast as a worker, where none was measured.", show_default=False),
]
Measure = Annotated[bool, typer.Option("--measure", help="Carry one step of each unknown kind out on few images, to know what it takes.")]


def plan(
    study: options.StudyFile = None,
    datasets: options.Names = None,
    models: options.Names = None,
    scenarios: options.Names = None,
    unlearners: options.Names = None,
    quantizers: options.Names = None,
    seeds: options.Names = None,
    keys: options.Keys = None,
    data_dir: options.DataDir = None,
    store: options.StoreDir = Path("canforget-store"),
    plugin: options.Plugins = None,
    pilot: Pilot = None,
    workers: Cluster = None,
    gpus: Gpus = 0,
    gpu_speed_up: GpuSpeedUp = None,
    measure: Measure = False,
    json: options.Json = False,
) -> None:
    """Show what a study would compute, how many seeds its formats need, and check it, without computing anything.

    With --workers also how long it would take, what dominates, and how far such estimates were off for the steps of the store.
    Example: canforget plan study.toml --data-dir ~/data
    Example: canforget plan study.toml --workers 16 --gpus 4
    """
    options.add_plugins(plugin)
    flags = {
        "datasets": datasets, "models": models, "scenarios": scenarios, "unlearners": unlearners, "quantizers": quantizers, "seeds": seeds,
    }  # fmt: skip
    if workers is None and (gpus or measure or gpu_speed_up):
        raise SpecError("--gpus, --gpu-speed-up and --measure are about the time it takes: give --workers, too")
    drawn = plan_study(options.study_of(study, flags, keys), data_dir)
    place = store_at(store)
    todo = missing(drawn, place)
    ahead = looked_ahead(drawn, todo, place, workers, gpus, gpu_speed_up, measure, data_dir).to_json() if workers else None
    needs = by_pilot(load_records(pilot)) if pilot else by_defaults(drawn.study.quantizers)
    if json:
        output.echo_json(
            {
                "cases": {c.key: " · ".join(map(str, c.labels)) for c in drawn.cases},
                "named": drawn.named,
                "steps": len(drawn.steps),
                "missing": len(todo),
                "seeds_needed": [asdict(n) for n in needs],
            }
            | ({"outlook": ahead} if ahead else {})
        )
        return
    print(account(drawn, len(todo), Counter(s.verb for s in todo)))
    if ahead:
        print(outlook_text(ahead))
    print("\n".join(needs_text(needs, f"deviations and memory of {pilot}" if pilot else ASSUMED)))


def account(drawn: Plan, missing: int, verbs: Counter[str]) -> str:
    """What a plan holds, in a few lines."""
    refused = [c for c in drawn.cases if c.not_run]
    lines = [
        f"{len(drawn.cases)} cases: {len(drawn.steps)} steps (of {drawn.named} named, each computed once), {missing} still to do",
        *(f"  {verb:<9} {count:>5}" for verb, count in verbs.items()),
        *(
            f"  {s.label}: {', '.join(f'{name} {n:,}' for name, n in s.what['counts'].items() if n)}"
            for s in drawn.steps
            if s.verb == "split"
        ),
        *(f"  not run: {c.unlearner} on {c.scenario}: {c.not_run}" for c in refused[:5]),
    ]
    return "\n".join(lines)
