"""Optimizers and schedules, against formulas written out."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from canforget.errors import SpecError
from canforget.rng import generator
from canforget.training.loop import Fit
from canforget.training.optimizers import Muon, optimizer_of, orthogonal, schedule


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_an_orthogonal_step_keeps_the_directions_and_levels_their_sizes(shape: tuple[int, int]) -> None:
    """The reference is the singular value decomposition: U Vᵀ, up to the iteration's 0.7 to 1.2."""
    matrix = torch.randn(shape, generator=generator("matrix"))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    step = orthogonal(matrix) / max(1.0, shape[0] / shape[1]) ** 0.5
    sizes = torch.diag(u.T @ step @ v.T)
    assert sizes.min() > 0.6
    assert sizes.max() < 1.3
    assert (step - u @ torch.diag(sizes) @ v).abs().max() < 1e-4


def test_muon_takes_a_plain_nesterov_step_on_vectors() -> None:
    """The reference is torch's SGD with Nesterov momentum."""
    ours, theirs = (nn.Parameter(torch.ones(5)) for _ in range(2))
    muon, sgd = Muon([ours], 0.1, 0.6, 0.0), torch.optim.SGD([theirs], lr=0.1, momentum=0.6, nesterov=True)
    for step in range(3):
        for parameter, optimizer in ((ours, muon), (theirs, sgd)):
            parameter.grad = torch.arange(5.0) * (step + 1)
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_muon_sees_a_convolution_as_a_matrix_of_filters() -> None:
    """Orthogonalizing over another axis would mix filters with positions."""
    kernel = nn.Parameter(torch.zeros(6, 3, 3, 3).to(memory_format=torch.channels_last))
    kernel.grad = torch.randn(6, 3, 3, 3, generator=generator("kernel"))
    Muon([kernel], 1.0, 0.0, 0.0).step()
    singular = torch.linalg.svdvals(kernel.detach().reshape(6, 27))
    assert singular.min() > 0.6
    assert singular.max() < 1.3


def test_muon_decays_weights_by_the_learning_rate_times_the_decay() -> None:
    """Decay through the gradient would be made orthogonal with it."""
    matrix = nn.Parameter(torch.eye(3))
    matrix.grad = torch.zeros(3, 3)
    Muon([matrix], 0.1, 0.9, 0.5).step()
    torch.testing.assert_close(matrix.detach(), 0.95 * torch.eye(3))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("constant", [1, 1, 1, 1]), ("triangle", [1, 0.75, 0.5, 0.25]), ("step", [1, 1, 0.1, 0.01]), ("cosine", [1, 0.85355, 0.5, 0.14645])],
)
def test_schedules_without_warmup_fall_as_their_names_say(name: Any, expected: list[float]) -> None:
    """Values worked out by hand at 0, 1/4, 1/2 and 3/4 of training."""
    assert [schedule(Fit(schedule=name), t) for t in (0, 0.25, 0.5, 0.75)] == pytest.approx(expected, abs=1e-5)


def test_warmup_rises_to_the_peak_and_hands_over_without_a_jump() -> None:
    """A jump at the hand-over is a spike of the learning rate."""
    fit = Fit(schedule="cosine", warmup=0.2)
    assert [schedule(fit, t) for t in (0.0, 0.1, 0.2, 1.0)] == pytest.approx([0.0, 0.5, 1.0, 0.0])
    assert max(schedule(fit, t / 100) for t in range(101)) <= 1.0
    assert not math.isnan(schedule(Fit(warmup=1.0), 0.99))


def test_every_optimizer_that_a_fit_can_name_is_made_and_no_other() -> None:
    """An unknown name must not fall back to SGD."""
    model = nn.Linear(2, 2)
    for name in ("sgd", "adam", "adamw", "muon"):
        assert type(optimizer_of(Fit(optimizer=name), model)).__name__.lower() == name
    unknown: dict[str, Any] = {"optimizer": "sgdd"}
    with pytest.raises(SpecError, match="'sgdd' is not sgd"):
        optimizer_of(Fit(**unknown), model)
