import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from canforget.study.expected_costs import Expected, ExpectedCosts, longest_ways
from canforget.study.planned_steps import Step
from canforget.study.store import Store


def step(key: str, label: str = "", needs: str = "", verb: str = "train") -> Step:
    return Step(verb, key, tuple((verb, n) for n in needs), label or key, {})


def test_a_step_costs_what_the_same_with_another_seed_did_and_else_a_guess(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for key, content in (
        ("aa", json.dumps({"conditions": {"seconds": 3.5, "peak_bytes": 7e8}})),
        ("bb", "{torn"),
        ("cc", '{"conditions": 3}'),
    ):
        folder = store.folder("train", key)
        folder.mkdir(parents=True)
        (folder / "step.json").write_text(content)
    costs = ExpectedCosts(store)
    for known in (step("aa", "net (seed 0)"), step("bb", "other (seed 0)"), step("cc", "third (seed 0)"), step("dd", "fourth (seed 0)")):
        costs.learn(known)
    assert costs.of(step("ee", "net (seed 9)")) == Expected(3.5, 7e8)
    assert costs.of(step("ee", "other (seed 9)")) == Expected(120.0) == costs.of(step("ee", "fourth (seed 9)"))
    assert ExpectedCosts().of(step("ee", verb="unheard of")).seconds > 0


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20), st.lists(st.integers(0, 9), min_size=9, max_size=9))
def test_the_longest_way_is_that_of_all_ways_tried(edges: Any, seconds: list[int]) -> None:
    letters = "abcdefghi"
    steps = {("train", n): step(n, needs="".join({letters[a] for a, b in edges if letters[b] == n and a < b})) for n in letters}
    costs = ExpectedCosts(known={n: Expected(s) for n, s in zip(letters, seconds, strict=True)})

    def way(n: str) -> float:
        return costs.of(steps["train", n]).seconds + max((way(m) for m in letters if ("train", n) in steps["train", m].needs), default=0)

    assert longest_ways(steps, costs) == {("train", n): way(n) for n in letters}


def test_a_chain_as_long_as_a_study_has_steps_is_no_recursion() -> None:
    steps = {("train", str(k)): Step("train", str(k), (("train", str(k - 1)),), "same", {}) for k in range(5000)}
    assert longest_ways(steps, ExpectedCosts(known={"same": Expected(1.0)}))["train", "0"] == 5000
