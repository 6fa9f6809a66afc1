"""Run a study: every combination that is not in the store yet; write the records; show the table."""

import sys
from pathlib import Path

from canforget.cli import options


def run(
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
    out: options.OutDir = Path("canforget-results"),
    engine: options.Engine = "auto",
    workers: options.Workers = None,
    step_limit: options.StepLimit = None,
    ray_address: options.RayAddress = "",
    cpus_per_step: options.CpusPerStep = 1,
    gpus_per_step: options.GpusPerStep = 0.0,
    device: options.Device = "cpu",
    track: options.Track = None,
    plugin: options.Plugins = None,
    step: options.StepName = None,
    wide: options.Wide = False,
    json: options.Json = False,
) -> None:
    """Run a study: every combination that is not in the store yet; write the records; show the table.

    Stopped or failed runs go on where they were: run the same command again. From another terminal: canforget watch.
    Example: canforget run --datasets digits --models tiny_cnn --scenarios whole_class:classes=3 --unlearners scrub salun --quantizers none int --seeds 3
    Example: canforget run study.toml --engine ray --ray-address 10.0.0.1:6379 --device cuda --gpus-per-step 0.25
    Example: canforget run study.toml --set noise_draws=20 probes=true controls=true
    """
    from canforget.cli.carry_out import run_plan
    from canforget.study.engine_choice import AUTO, chosen_engine
    from canforget.study.engine_options import EngineOptions
    from canforget.study.plan import plan
    from canforget.study.remote_store import store_at
    from canforget.study.schedule import missing

    options.add_plugins(plugin)
    engine_options = EngineOptions(step_limit, ray_address, cpus_per_step, gpus_per_step)
    engine_options.check("processes" if engine == AUTO else engine)
    flags = {
        "datasets": datasets, "models": models, "scenarios": scenarios, "unlearners": unlearners, "quantizers": quantizers, "seeds": seeds,
    }  # fmt: skip
    drawn = plan(options.study_of(study, flags, keys), data_dir)
    if engine == AUTO:
        todo = len(missing(drawn, store_at(store)))
        choice = chosen_engine(todo, device=device, workers=workers, limited=step_limit is not None)
        engine, workers = choice.engine, choice.workers
        if choice.said and step is None:
            print(choice.said, file=sys.stderr)
    run_plan(
        drawn, store=store, out=out, engine=engine, workers=workers, data_dir=data_dir, device=options.device_of(device, engine), step=step,
        wide=wide, json=json, track=track, engine_options=engine_options,
    )  # fmt: skip
