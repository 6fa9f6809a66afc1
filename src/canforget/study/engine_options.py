"""What a user may tell an engine beside the number of its workers, checked before anything begins."""

from dataclasses import dataclass, fields

from canforget.errors import SpecError, did_you_mean

ENGINES: dict[str, tuple[str, ...]] = {
    "serial": (),
    "processes": ("step_limit",),
    "ray": ("step_limit", "ray_address", "cpus_per_step", "gpus_per_step"),
}
"""The engines, and what each may be told."""
WORKERS = 2
"""Workers of the engine `processes` where nobody says how many."""


@dataclass(frozen=True)
class EngineOptions:
    """How steps are carried out; nothing of it decides a result.

    `step_limit`: seconds that a step may take, None for as many as it needs. `ray_address`: the head of a Ray cluster, as in
    "10.0.0.1:6379" or "auto"; "" begins a cluster on this machine. `cpus_per_step`: cores, and threads, of a step. `gpus_per_step`: GPUs
    of a step that runs a network, or the part of one: with 0.25 four share a GPU.
    """

    step_limit: float | None = None
    ray_address: str = ""
    cpus_per_step: int = 1
    gpus_per_step: float = 0.0

    def check(self, engine: str) -> None:
        """Refuses an engine that there is not, an option that it does not take, and a value out of range.

        >>> EngineOptions(step_limit=60).check("serial")
        Traceback (most recent call last):
        canforget.errors.SpecError: --step-limit: the engine 'serial' does not take it; use --engine processes or ray
        """
        if engine not in ENGINES:
            raise SpecError(f"no engine '{engine}'{did_you_mean(engine, ENGINES)}")
        for option in fields(self):
            flag = f"--{option.name.replace('_', '-')}"
            if getattr(self, option.name) != option.default and option.name not in ENGINES[engine]:
                takers = " or ".join(name for name, taken in ENGINES.items() if option.name in taken)
                raise SpecError(f"{flag}: the engine '{engine}' does not take it; use --engine {takers}")
        if self.step_limit is not None and not 0 < self.step_limit < float("inf"):
            raise SpecError("--step-limit: write a number of seconds above 0")
        if self.cpus_per_step < 1:
            raise SpecError("--cpus-per-step: write a whole number, 1 or more")
        if not 0 <= self.gpus_per_step < float("inf") or (self.gpus_per_step > 1 and self.gpus_per_step % 1):
            raise SpecError("--gpus-per-step: write a part of a GPU, as in 0.25, or a whole number of them")
