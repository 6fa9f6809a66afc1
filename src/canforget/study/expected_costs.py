"""What a step will cost, from steps that differ from it by their seed alone and lie in the store; so that long and large ones are placed well."""

import json
from dataclasses import dataclass, field

from canforget.study.planned_steps import Step
from canforget.study.run_state import GUESSES, as_number, without_seed
from canforget.study.store import STEP, Store


@dataclass(frozen=True)
class Expected:
    """Seconds, and bytes of memory (0: nobody knows)."""

    seconds: float
    peak_bytes: float = 0.0


@dataclass
class ExpectedCosts:
    """Costs by the label of a step without its seed; read from the folders of the store as they lie there, for they decide no result."""

    store: Store | None = None
    known: dict[str, Expected] = field(default_factory=dict)

    def of(self, step: Step) -> Expected:
        """What a step will cost: as one with another seed did, else a guess by its verb."""
        return self.known.get(without_seed(step.label)) or Expected(GUESSES.get(step.verb, 5.0))

    def learn(self, step: Step) -> None:
        """Notes what a step has cost, if the store knows, and nothing is known of its kind."""
        kind = without_seed(step.label)
        if self.store is None or kind in self.known:
            return
        try:
            conditions = json.loads((self.store.folder(*step.name) / STEP).read_text(encoding="utf-8"))["conditions"]
            self.known[kind] = Expected(as_number(conditions["seconds"]), as_number(conditions.get("peak_bytes")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return


def longest_ways(steps: dict[tuple[str, str], Step], costs: ExpectedCosts) -> dict[tuple[str, str], float]:
    """Seconds from the start of each step to the end of the last that waits for it: who has the longest way begins first."""
    ways: dict[tuple[str, str], float] = {}
    waiting: dict[tuple[str, str], list[tuple[str, str]]] = {name: [] for name in steps}
    for name, step in steps.items():
        for need in step.needs:
            if need in waiting:
                waiting[need].append(name)
    stack = list(steps)
    while stack:
        name = stack[-1]
        missing = [n for n in waiting[name] if n not in ways]
        if missing and name not in ways:
            stack += missing
            continue
        stack.pop()
        ways[name] = costs.of(steps[name]).seconds + max((ways[n] for n in waiting[name]), default=0.0)
    return ways
