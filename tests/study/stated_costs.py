"""Costs that steps state themselves, for schedules that are played."""

from canforget.study.expected_costs import ExpectedCosts
from canforget.study.measured_costs import Estimate
from canforget.study.planned_steps import Step


class StatedCosts(ExpectedCosts):
    """Seconds and bytes of memory as a step says what is to do in it."""

    def known(self, step: Step) -> Estimate:
        return Estimate("twin", step.what["seconds"], peak_bytes=step.what.get("peak_bytes", 0.0))
