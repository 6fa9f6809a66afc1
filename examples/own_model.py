"""Your own network and your own tensors: train, unlearn, quantize, evaluate; no study, no store, no files.

python examples/own_model.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import canforget

digits = load_digits()
pixels = torch.tensor(digits.images * 255 / 16).to(torch.uint8)[:, None]  # uint8 [n, channels, height, width], raw: the model normalizes
labels = torch.tensor(digits.target)
train, test = canforget.Images.of(pixels[:1400], labels[:1400]), canforget.Images.of(pixels[1400:], labels[1400:])
split = canforget.split_of(train, test, "whole_class:classes=3")


def network() -> nn.Module:
    """Any nn.Module: normalized images in, logits out."""
    return nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))


fit = canforget.Fit(epochs=15, lr=0.05, schedule="cosine")
original = canforget.train(canforget.wrap(network(), train), split, fit=fit)
retrained = [canforget.train(canforget.wrap(network(), split.retain), split.retain, fit=fit, seed=seed) for seed in (1, 2)]
unlearned = canforget.unlearn(original, split, "neggrad_plus:fit.epochs=3")
int8 = canforget.quantize(unlearned, split, "int:bits=8")

for name, model in {"original": original, "retrained": retrained[0], "unlearned": unlearned, "unlearned int8": int8}.items():
    found = canforget.evaluate(model, split, original=original, retrained=retrained)
    accuracies = "  ".join(f"{view} {found[f'{view}.accuracy'].value:6.1%}" for view in ("test_retain", "forget", "test_forget"))
    print(f"{name:<15} {accuracies}  matched membership AUC {found['membership.phi'].value:.3f}, compared with models {found.references}")
