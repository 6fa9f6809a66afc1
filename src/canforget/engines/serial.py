"""Serial engine: one step after another in this process, each with the whole machine."""

from collections.abc import Callable, Generator

from canforget.study.engine_options import EngineOptions
from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome


def serial(
    graph: Graph, work: Callable[[Step], Outcome], *, workers: int | None = 1, options: EngineOptions = EngineOptions()
) -> Generator[Outcome]:
    """Yields the outcome of every step of `graph`, in order; `workers` is one, whatever is asked, and `options` none."""
    while graph.active:
        for step in graph.ready():
            blocked = graph.blocked(step)
            if blocked is None:
                graph.started(step, "")
            yield graph.finish(blocked or work(step))
