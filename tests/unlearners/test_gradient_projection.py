"""Projection on directions that are known."""

import torch
from torch import Generator, nn

from canforget.data.images import Images, Split
from canforget.network.classifier import Classifier
from canforget.unlearners.gradient_projection import gradient_projection


class Flat(nn.Module):
    """Pixels as one row of floats."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).float()


def test_what_only_the_forgotten_uses_is_gone_and_the_rest_passes(rng: Generator) -> None:
    """With the projections in the wrong order shared directions are damaged too."""
    forget = Images.of(torch.tensor([[9, 9, 0, 0]], dtype=torch.uint8).view(1, 1, 2, 2), torch.zeros(1))
    retain = Images.of(torch.tensor([[9, 0, 0, 0], [0, 0, 9, 0]], dtype=torch.uint8).view(2, 1, 2, 2), torch.ones(2))
    model = nn.Sequential(Flat(), nn.Linear(4, 2, bias=False))
    unlearned = gradient_projection(model, forget, retain, rng=rng, alpha_retain=1e9, alpha_forget=1e9)
    torch.testing.assert_close(unlearned(retain.x), model(retain.x), rtol=1e-4, atol=1e-3)
    expected = model[1].weight.detach().clone()
    expected[:, 1] -= 0.5 * (expected[:, 0] + expected[:, 1])
    torch.testing.assert_close(unlearned[1].weight.detach(), expected, rtol=1e-4, atol=1e-5)


def test_a_class_is_forgotten_without_a_gradient(small_model: Classifier, digits_split: Split, rng: Generator) -> None:
    """The paper's claim: accuracy on the class falls, that on the others stays."""
    forget, retain = digits_split.forget, digits_split.retain
    unlearned = gradient_projection(small_model, forget, retain, rng=rng, alpha_retain=100.0, alpha_forget=3000.0)
    with torch.no_grad():
        lost, kept = ((unlearned(s.x).argmax(1) == s.y).float().mean() for s in (forget, retain))
    assert lost < 0.8
    assert kept > 0.95
