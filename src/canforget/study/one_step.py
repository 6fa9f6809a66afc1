"""One step of a plan, and what it needs, carried out again: where a run named one that failed."""

from pathlib import Path

from canforget.errors import SpecError, did_you_mean
from canforget.registry import plugin_paths
from canforget.study.plan import Plan
from canforget.study.planned_steps import Step
from canforget.study.schedule import Job, Outcome, outcomes


def step_named(plan: Plan, name: str) -> Step:
    """The step that `name` means, as in "unlearn/3fa9c1": its verb and the first digits of its key."""
    verb, sign, digits = name.partition("/")
    verbs = dict.fromkeys(s.verb for s in plan.steps)
    if not sign or verb not in verbs or not digits:
        hint = did_you_mean(verb, verbs) if verb not in verbs else ""
        raise SpecError(
            f"--step: {name}: write a verb and the first digits of a key, as in {plan.steps[0].verb}/{plan.steps[0].key[:12]}{hint}"
        )
    found = [s for s in plan.steps if s.verb == verb and s.key.startswith(digits)]
    if len(found) != 1:
        what = f"{len(found)} steps" if found else "no step"
        raise SpecError(f"--step: {name}: this study has {what} of this name; canforget watch --json lists them")
    return found[0]


def with_needs(plan: Plan, step: Step) -> Plan:
    """The plan of a step and of all that it needs, for no case."""
    steps, wanted = {s.name: s for s in plan.steps}, {step.name}
    for name in reversed(list(steps)):
        if name in wanted:
            wanted.update(steps[name].needs)
    return Plan(plan.study, tuple(s for s in plan.steps if s.name in wanted), ())


def carry_out_step(plan: Plan, name: str, store: Path, data_dir: Path | None, device: str) -> Outcome:
    """What becomes of a step when it, and what it needs, is carried out here and now; what the store holds is not computed again."""
    step = step_named(plan, name)
    job = Job(store, data_dir, device, tuple(plugin_paths()))
    found = {o.step.name: o for o in outcomes(with_needs(plan, step), job, "serial", 1)}
    return found[step.name]
