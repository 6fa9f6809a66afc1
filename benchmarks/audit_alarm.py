"""Does the standard audit accuse models that are honest, does it acquit them, and does it find those that only pretend?

    python benchmarks/audit_alarm.py [--out results/audit_alarm.json] [--work .audit_alarm]

Of digits: a whole class, and images that coins chose for a net that memorizes. Models retrained with seeds of their own are audited one
by one beside eight others, then models of known answer. What was measured is kept in `--work`; judging it again takes seconds.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from torch import nn

import canforget
from canforget.auditing import standard
from canforget.auditing.judge import judged_formats
from canforget.auditing.measure import Bench, FormatSheets
from canforget.auditing.run import measured_formats
from canforget.data.images import Split, together
from canforget.evaluation.calibrated import ExcessArea
from canforget.evaluation.evidence import Evidence, NotRun
from canforget.evaluation.moderated import Contrast
from canforget.file_io import write_json
from canforget.report.verdict import weakest
from canforget.training.loop import Fit

RETRAINED, SPARES = 8, 12
LEAK = "half leaked"
KNOWN = ("nothing", LEAK, "head_mask", "head_distillation", "relabelled", "destroyed")
SCHEDULE: dict[str, Any] = {"batch_size": 64, "lr": 0.1, "schedule": "triangle", "warmup": 0.2}


@dataclass(frozen=True)
class Problem:
    """What is forgotten by which net, trained how, on how much."""

    scenario: str
    model: str
    fit: Fit
    val_fraction: float = 0.1
    known: tuple[str, ...] = KNOWN

    def split(self) -> Split:
        """The images."""
        return canforget.open_split("digits", self.scenario, val_fraction=self.val_fraction)

    def trained(self, split: Split, **more: Any) -> nn.Module:
        """A model of these settings."""
        return canforget.train(self.model, split, fit=self.fit, **more)


PROBLEMS = {
    "whole class": Problem("whole_class:classes=5", "tiny_cnn:width=8", Fit(epochs=6, **SCHEDULE)),
    "coins": Problem(
        "randomized_inclusion:count=400", "tiny_cnn:width=16", Fit(epochs=20, **SCHEDULE), 0.4,
        tuple(k for k in KNOWN if not k.startswith("head")),
    ),
}  # fmt: skip


def subjects(problem: Problem, split: Split, original: nn.Module) -> Iterator[tuple[str, Callable[[], nn.Module]]]:
    """Everything that is audited by its name: spare retrained models, then models of known answer."""
    for k in range(SPARES):
        yield f"spare {k}", lambda k=k: problem.trained(split, retrain=True, seed=RETRAINED + 1 + k)
    for name in problem.known:
        yield name, lambda name=name: half_leaked(problem, split) if name == LEAK else canforget.unlearn(original, split, name)


def half_leaked(problem: Problem, split: Split) -> nn.Module:
    """Trained as retrained models are, with every second image of the forget set left in."""
    left = together(split.forget[::2], split.retain)
    return canforget.train(problem.model, left, fit=problem.fit, seed=1, val=split.val, num_classes=split.num_classes)


def measured(name: str, work: Path) -> dict[str, Any]:
    """All values of a problem: those of the references, and a file for each subject; what is there is not measured again."""
    problem, folder = PROBLEMS[name], work / name.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    split = problem.split()
    original = problem.trained(split)
    bench = Bench(split, original, [problem.trained(split, retrain=True, seed=s) for s in range(1, RETRAINED + 1)])
    found: dict[str, Any] = {}
    for subject, made in subjects(problem, split, original):
        file = folder / f"{subject.replace(' ', '_').partition(':')[0]}.json"
        if not file.exists():
            begun = time.process_time()
            every = measured_formats(bench, made(), {})
            write_json(file, {"formats": {s.format: plain(s) for s in every}, "cpu_seconds": round(time.process_time() - begun, 1)})
        found[subject] = json.loads(file.read_text())
    return found


def plain(sheets: FormatSheets) -> dict[str, Any]:
    """What was measured in a format, as JSON holds it, without predictions."""
    told = {which: excess(getattr(sheets, which)) for which in ("both", "rounding")}
    return {"label": sheets.label, "subject": sheets.subject, "original": sheets.original, "retrained": list(sheets.retrained), **told}


def excess(found: ExcessArea | NotRun) -> dict[str, Any]:
    """An excess as JSON holds it; infinite freedom is null."""
    if isinstance(found, NotRun):
        return {"not_run": found.reason}
    c = found.excess
    return {
        "auc": found.auc,
        "retrained": list(found.retrained),
        "contrast": [c.estimate, c.error, None if numpy.isinf(c.freedom) else c.freedom],
    }


def sheets_in(format: str, found: Mapping[str, Any]) -> FormatSheets:
    """What was kept of a format, to be judged."""
    told = [excess_in(found[which]) for which in ("both", "rounding")]
    return FormatSheets(format, found["label"], "", found["subject"], found["original"], tuple(found["retrained"]), *told, Evidence({}))


def excess_in(found: Mapping[str, Any]) -> ExcessArea | NotRun:
    """An excess as `excess` wrote it."""
    if "not_run" in found:
        return NotRun(found["not_run"])
    estimate, error, freedom = found["contrast"]
    return ExcessArea(found["auc"], tuple(found["retrained"]), Contrast(estimate, error, numpy.inf if freedom is None else freedom))


def told(problem: Problem, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The word on one subject, why, and which questions had no power."""
    every = [sheets_in(format, found) for format, found in kept["formats"].items()]
    answers, verdicts = judged_formats(every, problem.scenario.startswith("randomized"), problem.scenario.startswith("whole"))
    word = weakest(v.word for v in verdicts)
    aside = sorted({f"{a.question} in {a.format}" for a in answers if a.word == "powerless"})
    return {
        "word": word,
        "reason": next(f"{v.format}: {v.reason}" for v in verdicts if v.word == word),
        "formats": {v.format: v.word for v in verdicts},
        "without_power": aside,
        "cpu_seconds": kept["cpu_seconds"],
    }


def summary(name: str, work: Path) -> dict[str, Any]:
    """How many honest models were accused and acquitted, and the word on every model of known answer."""
    problem = PROBLEMS[name]
    said = {subject: told(problem, kept) for subject, kept in measured(name, work).items()}
    honest = Counter(v["word"] for s, v in said.items() if s.startswith("spare"))
    return {
        "scenario": problem.scenario,
        "model": problem.model,
        "epochs": problem.fit.epochs,
        "retrained": RETRAINED,
        "spares": dict(honest),
        "known": {s: v["word"] for s, v in said.items() if not s.startswith("spare")},
        "audits": said,
    }


def main() -> None:
    """Measures what is not measured yet, judges all, and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/audit_alarm.json"))
    parser.add_argument("--work", type=Path, default=Path(".audit_alarm"))
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS), choices=list(PROBLEMS))
    chosen = parser.parse_args()
    result = {name: summary(name, chosen.work) for name in chosen.problems}
    write_json(chosen.out, {"standard": standard.VERSION, "digest": standard.standard_digest(), "problems": result})
    for name, found in result.items():
        print(name, found["spares"], found["known"])


if __name__ == "__main__":
    main()
