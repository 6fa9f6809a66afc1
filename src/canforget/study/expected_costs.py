"""What a step will cost, from steps that differ from it by their seed alone and lie in the store; so that long and large ones are placed well."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from canforget.study.list_schedule import Work, ways_to_end
from canforget.study.planned_steps import Step
from canforget.study.run_state import GUESSES, as_number, without_seed
from canforget.study.step_profile import Name
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


def longest_ways(steps: Mapping[Name, Step], costs: ExpectedCosts) -> dict[Name, float]:
    """Seconds from the start of each step to the end of the last that waits for it: who has the longest way begins first."""
    needs = {name: [need for need in step.needs if need in steps] for name, step in steps.items()}
    order = list(TopologicalSorter(needs).static_order())
    places = {name: place for place, name in enumerate(order)}
    seconds = [costs.of(steps[name]).seconds for name in order]
    waits = [[places[need] for need in needs[name]] for name in order]
    return dict(zip(order, ways_to_end(Work(seconds, waits, [False] * len(order))), strict=True))
