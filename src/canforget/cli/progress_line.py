"""A line of progress on a terminal, with the time left; nothing where nobody looks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from canforget.progress import listening
from canforget.study.live_view import interactive
from canforget.study.run_state import clock


@contextmanager
def shown_progress(words: str) -> Iterator[None]:
    """Shows on a terminal how much of what is computed inside the block is done, and the time left."""
    if not interactive():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    started = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words[:60], total=1.0, left="")

        def listen(fraction: float) -> None:
            left = (time.perf_counter() - started) * (1 - fraction) / fraction if fraction > 0 else 0.0
            bar.update(task, completed=fraction, left=f"{clock(left)} left")

        with listening(listen):
            yield
