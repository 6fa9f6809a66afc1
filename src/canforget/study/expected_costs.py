"""What the steps of a plan are expected to cost, ever better as they end: so that long and large ones are placed well and the time left is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter

from canforget.study.list_schedule import Work, ways_to_end
from canforget.study.measured_costs import UNKNOWN, CostBook, Estimate, measured_in, measured_step, miniatures_in, told_at
from canforget.study.planned_steps import Step
from canforget.study.run_state import GUESSES
from canforget.study.step_profile import Name, Profile, is_gpu, profile_of
from canforget.study.store import STEP, Store


@dataclass
class ExpectedCosts:
    """What the steps of a plan will cost on a device, as those in the store did, and those carried out on few images for it.

    The store is read when somebody asks first. Decides no result, so what cannot be read is passed over.
    """

    steps: Sequence[Step] = ()
    store: Store | None = None
    device: str = "cpu"

    @cached_property
    def profiles(self) -> Mapping[Name, Profile | None]:
        """What the cost of each step depends on."""
        whats = {step.name: step.what for step in self.steps}
        return {name: profile_of(name, whats) for name in whats}

    @cached_property
    def book(self) -> CostBook:
        """The steps measured so far."""
        return CostBook([*measured_in(self.store), *miniatures_in(self.store)] if self.store else [])

    def known(self, step: Step) -> Estimate:
        """What a step will cost, as far as others like it tell."""
        return self.book.estimate(self.profiles.get(step.name), is_gpu(self.device))

    def of(self, step: Step) -> Estimate:
        """What a step will cost: as others like it tell, else seconds guessed by its verb."""
        found = self.known(step)
        return Estimate("guess", GUESSES.get(step.verb, 5.0)) if found is UNKNOWN else found

    def learn(self, step: Step) -> None:
        """Notes what a step that has just been carried out has cost, as the store tells."""
        told = told_at(self.store.folder(*step.name) / STEP) if self.store else None
        measured = measured_step(self.profiles.get(step.name), told[1].get("conditions"), told[2]) if told else None
        if measured:
            self.book.add(measured)


def longest_ways(steps: Mapping[Name, Step], costs: ExpectedCosts) -> dict[Name, float]:
    """Seconds from the start of each step to the end of the last that waits for it: who has the longest way begins first."""
    needs = {name: [need for need in step.needs if need in steps] for name, step in steps.items()}
    order = list(TopologicalSorter(needs).static_order())
    places = {name: place for place, name in enumerate(order)}
    seconds = [costs.of(steps[name]).seconds for name in order]
    waits = [[places[need] for need in needs[name]] for name in order]
    return dict(zip(order, ways_to_end(Work(seconds, waits, [False] * len(order))), strict=True))
