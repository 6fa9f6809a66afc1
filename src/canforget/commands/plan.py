"""Show what a study would compute, and check it, without computing anything."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output
from canforget.report.record import load_records
from canforget.report.seeds_needed import ASSUMED, by_defaults, by_pilot, needs_text
from canforget.study.plan import Plan
from canforget.study.plan import plan as plan_study
from canforget.study.remote_store import store_at
from canforget.study.schedule import missing

Pilot = Annotated[
    Path | None, typer.Option(help="Records of a smaller study, whose spread over seeds says how many are needed.", show_default=False)
]


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
    json: options.Json = False,
) -> None:
    """Show what a study would compute, how many seeds its formats need, and check it, without computing anything.

    Example: canforget plan study.toml --data-dir ~/data
    """
    options.add_plugins(plugin)
    flags = {
        "datasets": datasets,
        "models": models,
        "scenarios": scenarios,
        "unlearners": unlearners,
        "quantizers": quantizers,
        "seeds": seeds,
    }
    drawn = plan_study(options.study_of(study, flags, keys), data_dir)
    todo = missing(drawn, store_at(store))
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
        )
        return
    print(account(drawn, len(todo), Counter(s.verb for s in todo)))
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
