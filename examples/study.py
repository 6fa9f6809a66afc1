"""A study from Python: every combination of what the lists name, resumable, as records and a table.

python examples/study.py
"""

import canforget

if __name__ == "__main__":
    study = canforget.Study.of(
        name="example",
        datasets=["digits"],
        models=["tiny_cnn"],
        scenarios=["whole_class:classes=3", "random_samples:fraction=0.05"],
        unlearners=["finetune", {"name": "scrub", "fit": {"epochs": 4}}],
        quantizers=["none", "int:bits=4"],
        seeds=2,
    )
    done = canforget.run_study(study, out="example-results")
    print(done.text())
