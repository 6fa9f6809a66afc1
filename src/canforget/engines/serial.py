"""Serial engine: one step after another in this process, each with the whole machine."""

from collections.abc import Callable, Iterator

from canforget.study.planned_steps import Step
from canforget.study.schedule import Graph, Outcome


def serial(graph: Graph, work: Callable[[Step], Outcome], *, workers: int = 1) -> Iterator[Outcome]:
    """Yields the outcome of every step of `graph`, in order; `workers` is one, whatever is asked."""
    while graph.active:
        for step in graph.ready():
            blocked = graph.blocked(step)
            if blocked is None:
                graph.started(step, "")
            yield graph.finish(blocked or work(step))
