"""What the steps of a plan are expected to cost, ever better as they end: so that long and large ones are placed well and the time left is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from canforget.study.list_schedule import Work, ways_to_end
from canforget.study.measured_costs import UNKNOWN, CostBook, Estimate, measured_in, measured_step, miniatures_in, told_at
from canforget.study.planned_steps import Step
from canforget.study.run_state import GUESSES
from canforget.study.step_profile import Name, Profile, profile_of
from canforget.study.store import STEP, Store


@dataclass
class ExpectedCosts:
    """What steps will cost, by their profiles and the steps measured so far; on GPUs or not. Decides no result, so what cannot be read is passed over."""

    profiles: Mapping[Name, Profile | None] = field(default_factory=dict)
    book: CostBook = field(default_factory=CostBook)
    store: Store | None = None
    on_gpu: bool = False

    def known(self, step: Step) -> Estimate:
        """What a step will cost, as far as others like it tell."""
        return self.book.estimate(self.profiles.get(step.name), self.on_gpu)

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


def expected_costs(steps: Iterable[Step], store: Store, on_gpu: bool) -> ExpectedCosts:
    """What the steps of a plan are expected to cost, as the steps in the store did, and those that were carried out on few images for it."""
    whats = {step.name: step.what for step in steps}
    return ExpectedCosts(
        {name: profile_of(name, whats) for name in whats}, CostBook([*measured_in(store), *miniatures_in(store)]), store, on_gpu
    )


def longest_ways(steps: Mapping[Name, Step], costs: ExpectedCosts) -> dict[Name, float]:
    """Seconds from the start of each step to the end of the last that waits for it: who has the longest way begins first."""
    needs = {name: [need for need in step.needs if need in steps] for name, step in steps.items()}
    order = list(TopologicalSorter(needs).static_order())
    places = {name: place for place, name in enumerate(order)}
    seconds = [costs.of(steps[name]).seconds for name in order]
    waits = [[places[need] for need in needs[name]] for name in order]
    return dict(zip(order, ways_to_end(Work(seconds, waits, [False] * len(order))), strict=True))
