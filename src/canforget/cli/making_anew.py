"""What `canforget rerun` makes anew, and how it is told."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from canforget.cli.comparing import records_at
from canforget.errors import SpecError
from canforget.report.fit_width import fit_table, paragraph
from canforget.report.record import AXES, Record
from canforget.rng import numpy_generator
from canforget.study.rerun_study import Rerun, rerun


def made_anew(text: str, seed: int | None, draw: int | None, store: Path | None, data_dir: Path | None, device: str) -> Rerun:
    """The record that a text means, made anew in `store`, or in a folder that is removed."""
    every = records_at(text)
    chosen = chosen_record(every, text, seed, draw)
    siblings = [r for r in every if all(getattr(r.case, a) == getattr(chosen.case, a) for a in AXES[:-1])]
    if store is not None:
        return rerun(chosen, store, data_dir, device, siblings)
    with TemporaryDirectory(prefix="canforget-rerun-") as folder:
        return rerun(chosen, Path(folder), data_dir, device, siblings)


def chosen_record(every: list[Record], text: str, seed: int | None, draw: int | None) -> Record:
    """The one record meant."""
    found = [r for r in every if seed is None or r.case.seed == seed]
    if not found:
        raise SpecError(f"--seed: {text} has no record of seed {seed}; it has {', '.join(sorted({str(r.case.seed) for r in every}))}")
    if draw is not None:
        able = [r for r in found if not r.not_run and r.hyperparameters]
        if not able:
            raise SpecError(f"--draw: {text} has no record that was run")
        return able[int(numpy_generator(f"rerun/{draw}").integers(len(able)))]
    if len(found) > 1:
        raise SpecError(
            f"rerun: {text} means {len(found)} records; name one, as in FOLDER@UNLEARNER@FORMAT --seed 0, or --draw one at random"
        )
    return found[0]


def rerun_text(found: Rerun) -> str:
    """Whether it landed, then every value."""
    head = ("value", "recorded", "anew", "interval", "over", "landed")
    rows = []
    for v in found.landings:
        interval = "–" if v.interval is None else f"[{v.interval[0]:.4f}, {v.interval[1]:.4f}]"
        rows.append(
            (v.name, f"{v.recorded:.4f}", f"{v.anew:.4f}", interval, v.over, "exactly" if v.equal else "inside" if v.inside else "OUTSIDE")
        )
    return "\n".join([*map(paragraph, found.words()), "", *(fit_table(head, rows, (0,)) if rows else [])])


def rerun_json(found: Rerun) -> dict[str, Any]:
    """The same as JSON holds it, with the words."""
    values = [asdict(v) | {"equal": v.equal, "inside": v.inside} for v in found.landings]
    return {"case": found.case, "exact": found.exact, "landed": found.landed, "words": found.words(), "values": values}
