"""Run a whole study on real handwritten digits in minutes: two models, four unlearners, three formats, two scenarios, three seeds."""

from pathlib import Path

from canforget.cli import options

DEMO = {
    "name": "demo",
    "datasets": ["digits"],
    "models": ["tiny_cnn", {"name": "resnet20", "fit": {"epochs": 8}}],
    "scenarios": ["whole_class:classes=3", "random_samples:fraction=0.1"],
    "unlearners": ["finetune:fit.epochs=3", "neggrad_plus:fit.epochs=3", "salun:fit.epochs=3", "scrub"],
    "quantizers": ["none", "int:bits=8", "float8"],
    "seeds": 3,
    "controls": True,
}


def demo(
    store: options.StoreDir = Path("canforget-store"),
    out: options.OutDir = Path("demo-results"),
    workers: options.Workers = None,
    step: options.StepName = None,
    wide: options.Wide = False,
    json: options.Json = False,
) -> None:
    """Run a whole study on real handwritten digits in minutes: two models, four unlearners, three formats, two scenarios, three seeds.

    Example: canforget demo --out demo-results
    """
    from canforget.cli.carry_out import run_plan
    from canforget.study.definition import Study
    from canforget.study.plan import plan

    drawn = plan(Study.of("demo", **DEMO))
    run_plan(drawn, store=store, out=out, engine="processes", workers=workers, data_dir=None, device="cpu", step=step, wide=wide, json=json)
    if not json and step is None:
        print(f"Ask more of these files: canforget show {out} --quantizer none; a study of your own: canforget run --help")
