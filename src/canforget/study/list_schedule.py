"""A schedule without carrying it out: steps handed to workers and GPUs as the engines do, longest way first; and what bounds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

AT_THE_BOUND = 1.02
"""A speed-up curve ends where less than this factor lies between it and the critical path."""

Rank = tuple[float, int, int]
"""Where a step stands in a queue: the longest way first, then the first to come; and which it is."""


@dataclass(frozen=True)
class Work:
    """Steps in an order that respects what they need: seconds of each, the places of those it needs, and whether it takes a GPU."""

    seconds: Sequence[float]
    needs: Sequence[Sequence[int]]
    on_gpu: Sequence[bool]

    @property
    def total(self) -> float:
        """Seconds of all steps together."""
        return sum(self.seconds)

    @property
    def gpu_seconds(self) -> float:
        """Seconds of those that take a GPU."""
        return sum(s for s, gpu in zip(self.seconds, self.on_gpu, strict=True) if gpu)

    def bound(self, workers: int, gpus: int = 0) -> float:
        """Seconds that no schedule can undercut: the critical path, and all work shared evenly."""
        shared = self.gpu_seconds / gpus if gpus else 0.0
        return max(sum(self.seconds[step] for step in critical_path(self)), self.total / workers, shared)


def critical_path(work: Work) -> list[int]:
    """The steps of the longest chain, each of which needs the one before; no number of workers makes it shorter.

    >>> critical_path(Work([1, 5, 2, 1], [[], [], [0], [1, 2]], [False] * 4))
    [1, 3]
    """
    ends: list[float] = []
    before: list[int] = []
    for seconds, needs in zip(work.seconds, work.needs, strict=True):
        latest = max(needs, key=lambda n: ends[n], default=-1)
        before.append(latest)
        ends.append(seconds + (ends[latest] if latest >= 0 else 0.0))
    place = max(range(len(ends)), key=ends.__getitem__, default=-1)
    path = []
    while place >= 0:
        path.append(place)
        place = before[place]
    return path[::-1]


def ways_to_end(work: Work) -> list[float]:
    """Seconds from the start of each step to the end of the last that waits for it, on workers without number."""
    ways = list(work.seconds)
    for step in reversed(range(len(ways))):
        for n in work.needs[step]:
            ways[n] = max(ways[n], work.seconds[n] + ways[step])
    return ways


def starts_of(work: Work, workers: int, gpus: int = 0) -> list[float]:
    """The second at which each step starts: as soon as a worker, and a GPU if it takes one, is free; the longest way to the end first.

    A step that takes a GPU waits for one while others that take none go on. That is how the engines hand steps out.

    >>> starts_of(Work([2, 2, 1], [[], [], [1]], [False] * 3), workers=1)
    [2.0, 0.0, 4.0]
    """
    later, waiting = followers(work), [len(set(needs)) for needs in work.needs]
    ways, starts = ways_to_end(work), [0.0] * len(waiting)
    ready: tuple[list[Rank], list[Rank]] = ([], [])
    running: list[tuple[float, int]] = []
    free, now, number = [workers, gpus], 0.0, 0
    arrived = [step for step, needs in enumerate(waiting) if not needs]
    while arrived or running or any(ready):
        for step in arrived:
            heappush(ready[work.on_gpu[step]], (-ways[step], number, step))
            number += 1
        while free[0] and (queue := first_of(ready, free[1])):
            step = heappop(queue)[2]
            starts[step] = now
            free[0] -= 1
            free[1] -= work.on_gpu[step]
            heappush(running, (now + work.seconds[step], step))
        now, ended = heappop(running)
        free[0] += 1
        free[1] += work.on_gpu[ended]
        for step in later[ended]:
            waiting[step] -= 1
        arrived = [step for step in later[ended] if not waiting[step]]
    return starts


def followers(work: Work) -> list[list[int]]:
    """The steps that need each step."""
    later: list[list[int]] = [[] for _ in work.seconds]
    for step, needs in enumerate(work.needs):
        for n in set(needs):
            later[n].append(step)
    return later


def first_of(ready: tuple[list[Rank], list[Rank]], free_gpus: int) -> list[Rank]:
    """The queue whose first step is to be handed out next; an empty one if none can be."""
    able = [queue for queue in (ready[0], ready[1] if free_gpus else []) if queue]
    return min(able, key=lambda queue: queue[0], default=[])


def makespan(work: Work, workers: int, gpus: int = 0) -> float:
    """Seconds from the first start to the last end; there must be a GPU where a step takes one.

    >>> makespan(Work([3, 3, 3], [[], [], []], [False] * 3), workers=2)
    6.0
    """
    starts = starts_of(work, workers, gpus)
    return max((start + seconds for start, seconds in zip(starts, work.seconds, strict=True)), default=0.0)


def speed_up_curve(work: Work, gpus_a_worker: float = 0.0, most: int = 1024) -> list[tuple[int, float]]:
    """Workers (1, 2, 4, ...) and the seconds they take, until no more can gain anything; GPUs grow with the workers, at least one."""
    curve: list[tuple[int, float]] = []
    path = sum(work.seconds[step] for step in critical_path(work))
    while not curve or (curve[-1][1] > AT_THE_BOUND * path and 2 * curve[-1][0] <= most):
        workers = 2 * curve[-1][0] if curve else 1
        gpus = max(1, round(workers * gpus_a_worker)) if any(work.on_gpu) else 0
        curve.append((workers, makespan(work, workers, gpus)))
    return curve
