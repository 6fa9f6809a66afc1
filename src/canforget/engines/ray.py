"""Ray engine: workers on all machines of a cluster, or on this one; a lost machine costs its steps, which are carried out again elsewhere."""

from collections.abc import Callable, Generator
from dataclasses import replace

from canforget.study.crew import carried_out_by
from canforget.study.engine_options import EngineOptions
from canforget.study.planned_steps import Step
from canforget.study.ray_cluster import address_of, ray_cluster
from canforget.study.ray_staff import RayStaff
from canforget.study.ray_worker import surroundings
from canforget.study.schedule import Graph, Job, Outcome
from canforget.study.step_profile import is_gpu


def ray(
    graph: Graph, work: Callable[[Step], Outcome], *, workers: int | None = None, options: EngineOptions = EngineOptions()
) -> Generator[Outcome]:
    """Yields the outcome of every step of `graph` as it comes, `workers` at a time, or as many as the cluster has room for.

    What workers do is found in the store: a driver that was killed goes on from there, and results pass through no memory but a step's.
    Steps on a GPU get a whole one unless `options` say otherwise.
    """
    if isinstance(work, Job) and is_gpu(work.device) and not options.gpus_per_step:
        options = replace(options, gpus_per_step=1.0)
    with ray_cluster(options, workers) as cluster, surroundings(work) as around:
        staff = RayStaff(cluster, work, options, workers, around, local=not address_of(options))
        try:
            yield from carried_out_by(staff, graph, options.step_limit)
        finally:
            staff.dismiss()
