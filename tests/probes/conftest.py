"""Models of known answer on digits: the original, three retrained ones to compare with, a spare one, a masked head."""

from dataclasses import dataclass
from typing import Any

import pytest
from torch import nn

import canforget
from canforget.data.images import Split
from canforget.evaluation.evidence import Value
from canforget.evaluation.probe_readings import probe_values
from canforget.evaluation.probe_results import ProbeEvidence
from canforget.fit_settings import Fit
from canforget.probing.ask import asked
from canforget.rng import generator
from canforget.spec import parse

FIT = Fit(epochs=4, batch_size=64, schedule="triangle", warmup=0.2, precision="float32")


@dataclass(frozen=True)
class World:
    """A split of digits without class 3, and models whose answers are known."""

    split: Split
    original: nn.Module
    retrained: tuple[nn.Module, ...]
    spare: nn.Module

    def probe(self, model: nn.Module, probe: str, **given: Any) -> Any:
        """The values of a probe beside the original and three retrained models."""
        beside: dict[str, Any] = {"original": self.original, "retrained": self.retrained}
        return canforget.probe(model, self.split, probe, **beside | given)

    def inside(self, probe: str, name: str) -> list[bool]:
        """Whether an excess is 0 within its band, for each of the four retrained models beside the other three."""
        call = parse("probes", probe)
        results = [asked(call, m, self.split, rng=generator("a"), original=self.original) for m in (self.spare, *self.retrained)]
        found = []
        for k, own in enumerate(results):
            evidence = ProbeEvidence(own, None, tuple(results[:k] + results[k + 1 :]))
            value = probe_values("", call.arguments(), evidence)[name]
            assert isinstance(value, Value) and value.interval is not None
            found.append(value.interval[0] <= 0 <= value.interval[1])
        return found


@pytest.fixture(scope="session")
def world() -> World:
    split = canforget.open_split("digits", "whole_class:classes=3")
    spare, *others = [canforget.train("tiny_cnn", split, retrain=True, fit=FIT, seed=s) for s in (1, 2, 3, 4)]
    return World(split, canforget.train("tiny_cnn", split, fit=FIT), tuple(others), spare)
