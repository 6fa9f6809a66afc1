"""Looking ahead: what the steps still to do would take, from what the store tells and, where asked for, from steps carried out on few images."""

import os
from collections.abc import Sequence
from pathlib import Path

from canforget.errors import SpecError
from canforget.study.measured_costs import CostBook, keep_miniatures, measured_in, miniatures_in
from canforget.study.outlook import Outlook, outlook
from canforget.study.plan import Plan
from canforget.study.planned_steps import Step
from canforget.study.store import Store


def looked_ahead(
    drawn: Plan, todo: Sequence[Step], store: Store, workers: int, gpus: int, gpu_speed_up: float | None, measure: bool, data_dir: Path | None
) -> Outlook:  # fmt: skip
    """What the steps `todo` would take; with `measure` one of each kind of which nothing is known is first carried out on few images."""
    measured = measured_in(store)

    def told() -> Outlook:
        return outlook(drawn, todo, CostBook([*measured, *miniatures_in(store)]), workers, gpus, gpu_speed_up)

    found = told()
    if measure and found.unknown:
        carry_out_unknown(drawn, found, store, data_dir)
        found = told()
    return found


def carry_out_unknown(drawn: Plan, found: Outlook, store: Store, data_dir: Path | None) -> None:
    """Carries one step of each unknown kind out on few images, on a GPU if the plan is to have GPUs, and keeps what it took."""
    import torch

    from canforget.registry import plugin_paths
    from canforget.study.miniature import carry_out_small
    from canforget.study.schedule import Job

    if found.gpus and not torch.cuda.is_available():
        raise SpecError("--measure: no GPU is available here to measure on; give --gpu-speed-up, or measure where there is one")
    threads = min(torch.get_num_threads(), max(1, (os.cpu_count() or 1) // found.workers))
    job = Job(store.root, data_dir, "cuda" if found.gpus else "cpu", tuple(plugin_paths()), threads)
    kinds = {p.kind: s for s, p, e in zip(found.steps, found.profiles, found.estimates, strict=True) if p and e.basis == "unknown"}
    keep_miniatures(store, carry_out_small({s.name: s for s in drawn.steps}, kinds.values(), job))
