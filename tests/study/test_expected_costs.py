from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canforget.study.expected_costs import ExpectedCosts, longest_ways
from canforget.study.measured_costs import Estimate
from canforget.study.planned_steps import Step
from canforget.study.store import STEP, Store
from tests.study.stated_costs import StatedCosts


def step(key: str, seconds: float, needs: str = "") -> Step:
    return Step("train", key, tuple(("train", n) for n in needs), key, {"seconds": seconds})


def test_a_step_costs_what_others_like_it_did_and_else_a_guess(done: Any) -> None:
    drawn, store, _ = done
    costs = ExpectedCosts(drawn.steps, store)
    unlearn = next(s for s in drawn.steps if s.verb == "unlearn")
    assert costs.of(unlearn) == costs.known(unlearn)
    assert costs.of(unlearn).basis == "twin" and costs.of(unlearn).peak_bytes > 50e6
    assert ExpectedCosts(drawn.steps, store, "cuda").of(unlearn) == Estimate("guess", 30.0)
    stranger = Step("train", "ee", (), "nobody's", {})
    assert (costs.known(stranger).basis, costs.of(stranger)) == ("unknown", Estimate("guess", 120.0))
    assert ExpectedCosts().of(Step("unheard of", "ee", (), "", {})).seconds > 0


def test_a_step_that_has_ended_tells_what_the_next_will_cost(done: Any, tmp_path: Path) -> None:
    drawn, store, _ = done
    first, second, *_ = [s for s in drawn.steps if s.verb == "train"]
    costs = ExpectedCosts(drawn.steps, Store(tmp_path))
    assert costs.of(second).basis == "guess"
    costs.learn(first)
    assert costs.of(second).basis == "guess", "the step is not in the store"
    costs.store = store
    costs.learn(first)
    assert costs.of(first).basis == "twin"
    assert costs.of(second).basis in ("twin", "scaled")
    for name, content in (("aa", "{torn"), ("bb", '{"conditions": 3}')):
        damaged = Step("train", name, (), name, {})
        folder = tmp_path / store.folder(*damaged.name).relative_to(store.root)
        folder.mkdir(parents=True)
        (folder / STEP).write_text(content)
        costs.store = Store(tmp_path)
        costs.learn(damaged)
    assert len(costs.book.steps) == 1


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20), st.lists(st.integers(0, 9), min_size=9, max_size=9))
def test_the_longest_way_is_that_of_all_ways_tried(edges: Any, seconds: list[int]) -> None:
    letters = "abcdefghi"
    needs = {n: "".join({letters[a] for a, b in edges if letters[b] == n and a < b}) for n in letters}
    steps = {("train", n): step(n, s, needs[n]) for n, s in zip(letters, seconds, strict=True)}

    def way(n: str) -> float:
        own: float = steps["train", n].what["seconds"]
        return own + max((way(m) for m in letters if n in needs[m]), default=0)

    assert longest_ways(steps, StatedCosts()) == {("train", n): way(n) for n in letters}


def test_a_chain_as_long_as_a_study_has_steps_is_no_recursion() -> None:
    steps = {("train", str(k)): Step("train", str(k), (("train", str(k - 1)),), "same", {"seconds": 1.0}) for k in range(5000)}
    assert longest_ways(steps, StatedCosts())["train", "0"] == 5000
