"""A model file of canforget in plain timm and plain torch, without canforget: same weights, same preprocessing, same logits.

python examples/plain_timm_torch.py
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

import canforget


def opened(path: Path) -> tuple[dict[str, Any], dict[str, Tensor], Tensor, Tensor]:
    """What a float model file holds: its header, the weights of the net, mean and deviation of each channel."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["canforget"])
    tensors = load_file(path)
    weights = {name.removeprefix("net."): tensor for name, tensor in tensors.items() if name.startswith("net.")}
    return header, weights, tensors["normalize.mean"], tensors["normalize.std"]


def preprocessed(pixels: Tensor, mean: Tensor, std: Tensor, size: int) -> Tensor:
    """Raw pixels uint8 [n, c, h, w] as the net wants them: what `normalize` does inside a model of canforget."""
    x = (pixels.float() - 255 * mean) / (255 * std)
    return interpolate(x, size=(size, size), mode="bilinear", antialias=True) if size not in (0, pixels.shape[-1]) else x


def in_timm(path: Path, pixels: Tensor) -> Tensor:
    """Logits of plain timm."""
    header, weights, mean, std = opened(path)
    about = header["architecture"]
    net = timm.create_model(about["name"].removeprefix("timm/"), num_classes=about["num_classes"], in_chans=about["image_shape"][0])
    net.load_state_dict(weights)
    with torch.no_grad():
        return net.eval()(preprocessed(pixels, mean, std, about["input_size"]))


def in_torch(path: Path, net: nn.Module, pixels: Tensor) -> Tensor:
    """Logits of a plain module of torch, such as one of your own."""
    _, weights, mean, std = opened(path)
    net.load_state_dict(weights)
    with torch.no_grad():
        return net.eval()(preprocessed(pixels, mean, std, 0))


def network() -> nn.Module:
    """A net of one's own: normalized images in, logits out."""
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


def main() -> None:
    """Trains two nets for a moment, unlearns in one, and asks them with and without canforget."""
    split = canforget.open_split("digits", "whole_class:classes=3")
    fit = canforget.Fit(epochs=1)
    library = canforget.train("timm/test_resnet:input_size=32", split, fit=fit)
    library = canforget.unlearn(library, split, "finetune:fit.epochs=1")
    own = canforget.train(canforget.wrap(network(), split.retain), split, fit=fit)
    pixels = split.test.x[:64]
    with TemporaryDirectory() as folder:
        files = [canforget.save(model, Path(folder) / f"{name}.safetensors") for name, model in (("timm", library), ("own", own))]
        found = {"timm": (in_timm(files[0], pixels), library), "torch": (in_torch(files[1], network(), pixels), own)}
    for name, (logits, model) in found.items():
        with torch.no_grad():
            apart = float((logits - model(pixels)).abs().max())
        print(f"plain {name}: logits of {len(logits)} images, at most {apart:.1e} from canforget's")


if __name__ == "__main__":
    main()
