"""What carrying a plan out would take, in words of at most a hundred columns."""

import textwrap
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from canforget.cli.output import worded_bytes
from canforget.errors import shortened
from canforget.report.fit_width import WIDTH
from canforget.study.run_state import clock

BASES = {
    "twin": "{n} as they took with other seeds", "scaled": "{n} from steps of the same kind, by images read",
    "miniature": "{n} carried out on few images", "assumed": "{n} by the speed-up given for GPUs",
}  # fmt: skip
SHOWN = 5
BUSY = 1.3
"""From so many times the processor's seconds on, it is said that the machine had other work."""


def outlook_text(about: Mapping[str, Any]) -> str:
    """The text of `Outlook.to_json`."""
    if not about["steps"]:
        return "nothing is left to do"
    parts = (time_lines(about), share_lines(about), path_lines(about["critical_path"]), curve_lines(about["curve"]), ground_lines(about))
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=" " * 4) for line in chain(*parts))


def time_lines(about: Mapping[str, Any]) -> Iterator[str]:
    """How long it takes, and how much of everything."""
    workers, gpus = about["workers"], about["gpus"]
    where = f"{workers} worker{'s' if workers > 1 else ''}" + (f" and {gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "")
    least = "at least " if about["unknown"] else ""
    yield f"on {where}: {least}{clock(about['seconds'])}; no schedule takes less than {clock(about['at_least_seconds'])}"
    gpu = f", {clock(about['gpu_seconds'])} of GPUs" if gpus else ""
    memory = f", memory of a worker up to {worded_bytes(about['peak_bytes'])}" if about["peak_bytes"] else ""
    yield f"  in all {clock(about['worker_seconds'])} of workers{gpu}, {clock(about['cpu_seconds'])} of processors; {worded_bytes(about['bytes'])} on the disk{memory}"


def share_lines(about: Mapping[str, Any]) -> Iterator[str]:
    """What dominates."""
    total = about["worker_seconds"]
    for words, name in (("by verb", "by_verb"), ("dearest", "by_member")):
        parts = [f"{what} {seconds / total:.0%}" for what, seconds in about[name].items() if total and seconds >= 0.005 * total]
        if parts:
            yield f"  {words}: {' · '.join(parts[:SHOWN])}"


def path_lines(path: Mapping[str, Any]) -> Iterator[str]:
    """The chain of steps that no number of workers makes shorter."""
    if path["seconds"]:
        yield f"  critical path, {clock(path['seconds'])}:"
        for step in path["steps"]:
            yield f"    {clock(step['seconds']):>12}  {shortened(step['label'], 80)}"


def curve_lines(curve: list[Mapping[str, Any]]) -> Iterator[str]:
    """Time and speed-up by workers."""
    if curve[0]["seconds"]:
        yield "  workers   time          speed-up"
        yield from (f"  {row['workers']:>7}   {clock(row['seconds']):<12}  {row['speed_up']:>8.1f}" for row in curve)


def ground_lines(about: Mapping[str, Any]) -> Iterator[str]:
    """What the estimates rest on, what is unknown, and how far such estimates were off."""
    known = [BASES[basis].format(n=n) for basis, n in about["basis"].items() if basis in BASES]
    if known:
        yield f"  estimated: {'; '.join(known)}"
    if about["unknown"]:
        parts = [f"{n} {what}" for what, n in about["unknown"].items()]
        more = f" and {len(parts) - SHOWN} kinds more" if len(parts) > SHOWN else ""
        yield f"  unknown, counted as nothing: {', '.join(parts[:SHOWN])}{more}"
        yield f"    {'--gpu-speed-up 20 takes a GPU to be so many times as fast as a worker here' if about['gpus'] else '--measure carries one step of each kind out on few images'}"
    for place, n in about["places"].items():
        yield f"  seconds of {n} steps are those of {place}"
    if about["busy"] and about["busy"] > BUSY:
        yield f"  these took {about['busy']:.1f} times the processor's seconds, for the machine had other work; on idle ones it is {clock(about['idle_seconds'])}"
    checked = about["checked"]
    if checked["steps"]:
        alone = f" ({checked['alone']} had nothing alike)" if checked["alone"] else ""
        yield f"  checked: {checked['steps']} steps that took place{alone}, each estimated from the others: off by {checked['median_error']:.0%} in the median, all together {checked['ratio']:.2f} of what they took"
    yield "  not in it: the start of the workers (torch and the data set, some seconds each), waiting for a store far away"
