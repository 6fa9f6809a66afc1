"""Weights that others wrote: what is loaded, and what is refused by its name."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from canforget.data.images import Images
from canforget.deployment.foreign_weights import load_pickle, load_weights
from canforget.errors import ArtifactError
from canforget.network.build import build
from canforget.network.classifier import Classifier
from canforget.rng import generator
from tests.narrowed import present


def made(name: str = "resnet20", side: int = 16, **parameters: object) -> Classifier:
    return build(name, 10, (3, side, side), rng=generator(name), mean=(0.4, 0.5, 0.6), std=(0.2,) * 3, parameters=parameters).eval()


@pytest.fixture(scope="module")
def pictures() -> Images:
    return Images.of(torch.randint(0, 256, (16, 3, 16, 16), generator=generator("pictures"), dtype=torch.uint8), torch.zeros(16))


def test_a_tensor_that_is_missing_misshapen_or_extra_is_named(tmp_path: Path) -> None:
    """`load_state_dict(strict=False)` would leave random weights in place."""
    model = made(width=4)
    changes: list[tuple[Any, str]] = [
        (lambda s: s.pop("net.0.0.weight"), r"no tensor 'net\.0\.0\.weight'"),
        (lambda s: s.update({"net.0.0.weight": torch.ones(2)}), r"'net\.0\.0\.weight' is \[2\]"),
        (lambda s: s.update({"zzz": torch.ones(2)}), r"1 tensors that the architecture has not, 'zzz'"),
    ]
    for change, says in changes:
        state = {name: t.clone() for name, t in model.state_dict().items()}
        change(state)
        save_file(state, tmp_path / "m.safetensors")
        with pytest.raises(ArtifactError, match=says):
            load_weights(tmp_path / "m.safetensors", present(model.architecture))


@pytest.mark.parametrize("nested", [None, "state_dict", "model"])
def test_weights_that_others_wrote_are_loaded(nested: Any, tmp_path: Path, pictures: Any) -> None:
    """A state dict of the whole model or of the net alone, bare or under a name, with or without the prefix of parallel training."""
    model = made(width=4)
    for state in (model.state_dict(), model.net.state_dict(), {f"module.{k}": v for k, v in model.net.state_dict().items()}):
        torch.save({nested: state, "epoch": 3} if nested else state, tmp_path / "m.pth")
        assert torch.equal(load_pickle(tmp_path / "m.pth", present(model.architecture))(pictures.x), model(pictures.x))
    save_file(model.net.state_dict(), tmp_path / "m.safetensors")
    assert torch.equal(load_weights(tmp_path / "m.safetensors", present(model.architecture))(pictures.x), model(pictures.x))


class Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("echo it ran",)


def test_a_pickle_that_would_run_code_is_refused_and_names_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Checkpoints come from strangers."""
    torch.save({"state_dict": Bomb()}, tmp_path / "m.pth")
    with pytest.raises(ArtifactError, match=r"would call .*system; save its state_dict"):
        load_pickle(tmp_path / "m.pth", present(made(width=4).architecture))
    assert "it ran" not in capfd.readouterr().out


def test_a_checkpoint_that_is_cut_off_or_holds_no_weights_is_refused(tmp_path: Path) -> None:
    """One line, not a stack of torch's."""
    wanted = present(made(width=4).architecture)
    path = tmp_path / "m.pth"
    torch.save(made(width=4).state_dict(), path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ArtifactError, match="not a readable checkpoint"):
        load_pickle(path, wanted)
    torch.save([1, 2], path)
    with pytest.raises(ArtifactError, match="holds no state dict"):
        load_pickle(path, wanted)
    with pytest.raises(ArtifactError, match="no such file"):
        load_pickle(tmp_path / "none.pth", wanted)
