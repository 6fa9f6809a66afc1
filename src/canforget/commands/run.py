"""Run a study: every combination that is not in the store yet; write the records; show the table."""

from pathlib import Path

import typer

from canforget.cli import options, output


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
    engine: options.Engine = "serial",
    workers: options.Workers = 2,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    wide: options.Wide = False,
    json: options.Json = False,
) -> None:
    """Run a study: every combination that is not in the store yet; write the records; show the table.

    Stopped or failed runs go on where they were: run the same command again.
    Example: canforget run --datasets digits --models tiny_cnn --scenarios whole_class:classes=3 --unlearners scrub salun --quantizers none int --seeds 3
    Example: canforget run study.toml --set noise_draws=20 probes=true controls=true
    """
    from canforget.study.plan import plan
    from canforget.study.run import carry_out

    options.add_plugins(plugin)
    flags = {
        "datasets": datasets,
        "models": models,
        "scenarios": scenarios,
        "unlearners": unlearners,
        "quantizers": quantizers,
        "seeds": seeds,
    }
    drawn = plan(options.study_of(study, flags, keys), data_dir)
    done = carry_out(drawn, store, out, engine=engine, workers=workers, data_dir=data_dir, device=options.device_of(device))
    if json:
        output.echo_json(done.to_json())
    else:
        print(done.text(wide))
    if done.failures:
        raise typer.Exit(1)
