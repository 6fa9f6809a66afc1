"""The training loop moves what it may, draws from its generator alone, averages, stops, resumes and says when it diverged."""

import json
import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, Split, counting_reads
from canforget.errors import ArtifactError, DivergedError, SpecError
from canforget.network.predict import predict
from canforget.network.weights import frozen
from canforget.progress import listening
from canforget.quantization.qat import at_nearest, layer_weights, rounding
from canforget.quantizers.int import int as int_quantizer
from canforget.rng import generator
from canforget.training.loop import Epoch, Fit, in_bfloat16, passes, train_
from tests.narrowed import present

PLAIN = Fit(epochs=1, batch_size=32, lr=0.05, precision="float32")


def weights(model: nn.Module) -> Tensor:
    """All parameters and floating buffers as one vector."""
    return torch.cat([t.detach().float().flatten() for t in model.state_dict().values()])


def net(*, dropout: float = 0.0) -> nn.Sequential:
    """A small net with BatchNorm, and dropout on request, for 8 x 8 grey digits."""
    torch.manual_seed(7)
    layers = [nn.Conv2d(1, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout), nn.Linear(54, 10)]
    return nn.Sequential(Scale(), *layers)


class Scale(nn.Module):
    """Pixels in 0..255 as floats in 0..1."""

    def forward(self, x: Tensor) -> Tensor:
        return x.float() / 255


def loss_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(model(x), y)


@pytest.fixture
def digits(digits_split: Split) -> Images:
    """The first 160 digits of the retain set."""
    return digits_split.retain[:160]


def trained(digits: Images, fit: Fit, *, seed: str = "fit", dropout: float = 0.0, **keywords: Any) -> nn.Module:
    """A small net after `fit`."""
    return train_(net(dropout=dropout), digits, rng=generator(seed), fit=fit, **keywords)


@pytest.mark.parametrize(
    "fit",
    [
        Fit(epochs=2, batch_size=32, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01, clip=1.0, average=0.5, precision="float32"),
        Fit(epochs=2, batch_size=32, lr=0.01, optimizer="adamw", weight_decay=0.1),
        Fit(epochs=2, batch_size=32, lr=0.01, optimizer="muon", weight_decay=0.1),
    ],
    ids=["sgd", "adamw", "muon"],
)
def test_weights_outside_the_mask_stay_bit_identical(digits: Images, rng: Generator, fit: Fit) -> None:
    """Masking only the gradient lets momentum and weight decay move the rest."""
    model = net()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    mask = {name: torch.rand(parameter.shape, generator=rng) < 0.5 for name, parameter in before.items()}
    for epoch in passes(fit, model, rng, mask=mask):
        epoch.descend(lambda x, y: cross_entropy(model(x), y), digits)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter[~mask[name]], before[name][~mask[name]]), name
        assert not torch.equal(parameter, before[name]), name


def test_a_mask_for_no_parameter_of_the_model_is_refused(rng: Generator) -> None:
    """A mask with a misspelt name would mask nothing."""
    with pytest.raises(SpecError, match=r"the mask names 'conv\.weight'"):
        next(iter(passes(PLAIN, net(), rng, mask={"conv.weight": torch.ones(1)})))


def test_the_clipped_gradient_counts_only_what_the_mask_lets_move(digits: Images, rng: Generator) -> None:
    """Otherwise a large gradient outside the mask shrinks the steps inside it."""
    model = net()
    mask = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in model.named_parameters() if name != "6.bias"}
    fit = Fit(epochs=1, batch_size=160, lr=1.0, momentum=0.0, clip=1e-3, precision="float32")
    before = model.get_parameter("6.bias").detach().clone()
    for epoch in passes(fit, model, rng, mask=mask):
        epoch.descend(lambda x, y: cross_entropy(model(x), y), digits)
    assert float((model.get_parameter("6.bias").detach() - before).norm()) == pytest.approx(1e-3, rel=1e-2)


def test_the_same_generator_gives_the_same_weights_and_another_does_not(digits: Images) -> None:
    """Dropout, shuffling and augmentation must all draw from the generator."""
    fit = Fit(epochs=2, batch_size=32, lr=0.05, crop=1, flip=True, cutout=2)
    once, again, other = (trained(digits, fit, seed=seed, dropout=0.5) for seed in ("a", "a", "b"))
    assert torch.equal(weights(once), weights(again))
    assert not torch.equal(weights(once), weights(other))


def test_training_leaves_the_global_random_state_alone(digits: Images) -> None:
    """A training that seeds the world changes the outcome of what comes after it."""
    model = net(dropout=0.5)
    before = torch.get_rng_state()
    train_(model, digits, rng=generator("fit"), fit=PLAIN)
    assert torch.equal(before, torch.get_rng_state())


def test_plain_sgd_equals_the_loop_written_out(digits: Images) -> None:
    """The reference draws the same order and takes the steps with torch alone."""
    fit = Fit(
        epochs=2, batch_size=50, lr=0.1, schedule="triangle", warmup=0.25, label_smoothing=0.1, weight_decay=1e-3, precision="float32"
    )
    model, rng = net(), generator("fit")
    torch.randint(2**62, (1,), generator=rng)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    for epoch in range(2):
        order = torch.randperm(160, generator=rng)
        for step in range(4):
            done = (epoch + (step + 0.5) / 4) / 2
            optimizer.param_groups[0]["lr"] = 0.1 * (done / 0.25 if done < 0.25 else 1 - (done - 0.25) / 0.75)
            chosen = order[50 * step : 50 * step + 50]
            optimizer.zero_grad()
            cross_entropy(model(digits.x[chosen]), digits.y[chosen], label_smoothing=0.1).backward()
            optimizer.step()
    torch.testing.assert_close(weights(trained(digits, fit)), weights(model), rtol=1e-4, atol=1e-5)


def test_the_learning_rate_of_every_step_follows_the_schedule(digits: Images, rng: Generator) -> None:
    """A schedule that moves once an epoch, or ends above 0, trains worse."""
    seen = []
    model = net()
    for epoch in passes(Fit(epochs=2, batch_size=80, lr=0.4, schedule="cosine"), model, rng):
        for x, y in epoch.batches(digits):
            seen.append(epoch.optimizer.param_groups[0]["lr"])
            epoch.step(partial(loss_of, model, x, y))
    assert seen == pytest.approx([0.2 * (1 + math.cos(math.pi * t)) for t in (0.125, 0.375, 0.625, 0.875)])


def test_the_average_is_the_slow_loops_average_of_weights_and_statistics(digits: Images, rng: Generator) -> None:
    """An average without BatchNorm's buffers classifies with statistics of other weights."""
    model, kept = net(), []
    kept.append(weights(model))
    for epoch in passes(Fit(epochs=2, batch_size=32, lr=0.1, average=0.3, precision="float32"), model, rng):
        for x, y in epoch.batches(digits):
            epoch.step(partial(loss_of, model, x, y))
            kept.append(weights(model))
    mean = kept[0]
    for step, now in enumerate(kept[1:]):
        decay = min(0.3, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * now
    counts = [name for name in model.state_dict() if name.endswith("num_batches_tracked")]
    assert counts == ["2.num_batches_tracked"]
    differ = (weights(model) - mean).abs() > 1e-5
    assert differ.sum() <= 1, "only the count of batches is not averaged"


def test_early_stopping_returns_a_copy_of_the_best_weights(digits: Images) -> None:
    """The predecessor kept a reference to the best weights, which training then changed: it returned the last."""
    judged: list[Tensor] = []

    def worse_each_epoch(x: Tensor, y: Tensor) -> Tensor:
        if len(judged) < 5:
            judged.append(weights(model))
        return -cross_entropy(model(x), y) if len(judged) > 1 else cross_entropy(model(x), y)

    model = net()
    fit = Fit(epochs=6, batch_size=len(digits), lr=0.3, momentum=0.0, patience=2, precision="float32")
    train_(model, digits, rng=generator("fit"), fit=fit, loss=worse_each_epoch, val=digits)
    assert len(judged) == 3, "one good epoch and two worse ones"
    assert torch.equal(weights(model), judged[1]), "the weights after the first epoch, before the second one's step"


def test_patience_without_val_is_refused(digits: Images, rng: Generator) -> None:
    """Choosing the best epoch on nothing, or on the training set, must not happen silently."""
    with pytest.raises(SpecError, match="there are no val images"):
        train_(net(), digits, rng=rng, fit=Fit(patience=1))


class Interrupted(Exception):
    """Stands for a machine that goes down."""


def interrupted(after: int) -> Callable[[nn.Module], Callable[[Tensor, Tensor], Tensor]]:
    """A cross-entropy that breaks off after so many steps."""

    def of(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
        left = [after]

        def loss(x: Tensor, y: Tensor) -> Tensor:
            left[0] -= 1
            if left[0] < 0:
                raise Interrupted
            return cross_entropy(model(x), y)

        return loss

    return of


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_a_resumed_training_ends_with_the_same_bits(digits: Images, digits_split: Split, tmp_path: Path, optimizer: Any) -> None:
    """A resume that forgets momentum, the average, the schedule or a stream trains another model; what was read before counts as read."""
    fit = Fit(epochs=5, batch_size=32, lr=0.02, optimizer=optimizer, schedule="triangle", crop=1, flip=True, average=0.9, patience=5)
    path, val = tmp_path / "training.safetensors", digits_split.val
    whole = trained(digits, fit, dropout=0.3, val=val)
    model = net(dropout=0.3)
    with pytest.raises(Interrupted):
        train_(model, digits, rng=generator("fit"), fit=fit, loss=interrupted(13)(model), val=val, checkpoint=path, checkpoint_seconds=0)
    assert path.is_file()
    with counting_reads() as read:
        assert torch.equal(weights(trained(digits, fit, dropout=0.3, val=val, checkpoint=path)), weights(whole))
    assert read.number == fit.epochs * (len(digits) + len(val))
    assert not path.exists(), "a finished training leaves no checkpoint behind"


def test_a_checkpoint_of_another_fit_or_model_or_a_damaged_one_is_refused(digits: Images, tmp_path: Path) -> None:
    """Going on with the wrong state would give a model that no setting describes."""
    path, model = tmp_path / "training.safetensors", net()
    fit = Fit(epochs=3, batch_size=32, lr=0.02)
    with pytest.raises(Interrupted):
        train_(model, digits, rng=generator("fit"), fit=fit, loss=interrupted(7)(model), checkpoint=path, checkpoint_seconds=0)
    with pytest.raises(ArtifactError, match="another fit"):
        trained(digits, Fit(epochs=4, batch_size=32, lr=0.02), checkpoint=path)
    with pytest.raises(ArtifactError, match="another model"):
        train_(nn.Sequential(Scale(), nn.Flatten(), nn.Linear(64, 10)), digits, rng=generator("fit"), fit=fit, checkpoint=path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtifactError, match="delete it to start anew"):
        trained(digits, fit, checkpoint=path)


def test_a_checkpoint_holds_no_pickle(digits: Images, tmp_path: Path) -> None:
    """The header of a safetensors file is its length and JSON."""
    path, model = tmp_path / "training.safetensors", net()
    with pytest.raises(Interrupted):
        train_(model, digits, rng=generator("fit"), fit=Fit(epochs=3), loss=interrupted(3)(model), checkpoint=path, checkpoint_seconds=0)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["canforget"])["epochs_done"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["training.safetensors"]


def test_a_loss_that_is_not_finite_is_an_error_that_names_epoch_and_learning_rate(digits: Images, rng: Generator) -> None:
    """A diverged run is never a result."""
    model = net()

    def scaled_loss(scale: float, x: Tensor, y: Tensor) -> Tensor:
        return scale * loss_of(model, x, y)

    def diverge() -> None:
        for epoch in passes(Fit(epochs=3), model, rng):
            scale = math.nan if epoch.number == 1 else 1.0
            epoch.descend(partial(scaled_loss, scale), digits)

    with pytest.raises(DivergedError, match=r"not finite in epoch 2 of 3 at lr 0\.1"):
        diverge()


def test_a_long_epoch_does_not_go_on_for_long_after_it_diverged(digits: Images, rng: Generator) -> None:
    """Hours of steps with NaN weights help nobody."""
    model, losses = net(), []

    def endless(x: Tensor, y: Tensor) -> Tensor:
        losses.append(cross_entropy(model(x), y) * math.inf)
        return losses[-1]

    with pytest.raises(DivergedError):
        train_(model, digits, rng=rng, fit=Fit(epochs=1, batch_size=2), loss=endless)
    assert len(losses) <= 32


def test_frozen_parameters_and_the_statistics_of_frozen_batchnorm_stay_bit_identical(digits: Images) -> None:
    """Train mode moves the statistics of a layer that was meant to be left alone."""
    model = net()
    for place in (1, 2):
        model[place].requires_grad_(False)
    before = deepcopy(model.state_dict())
    train_(model, digits, rng=generator("fit"), fit=Fit(epochs=1, batch_size=32, weight_decay=0.1))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == (name[0] in "12"), name


def test_a_model_that_is_frozen_altogether_is_refused(digits: Images, rng: Generator) -> None:
    """The optimizer's own message speaks of an empty list."""
    with pytest.raises(SpecError, match="every parameter of the model is frozen"):
        train_(frozen(net()), digits, rng=rng, fit=PLAIN)


def test_one_image_left_over_joins_the_batch_before_it(digits: Images, rng: Generator) -> None:
    """BatchNorm has no variance over one image, and torch raises where the map is 1 x 1."""
    model = nn.Sequential(Scale(), nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4), nn.Linear(4, 10))
    sizes = []
    for epoch in passes(PLAIN, model, rng):
        for x, y in epoch.batches(digits[:65]):
            sizes.append(len(y))
            epoch.step(partial(loss_of, model, x, y))
    assert sizes == [32, 33]


def test_a_set_of_one_image_trains_with_running_statistics(digits: Images, rng: Generator) -> None:
    """A request to forget a single image must not fail, nor overwrite the statistics with those of one image."""
    model = nn.Sequential(Scale(), nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4), nn.Linear(4, 10))
    before = deepcopy(model.state_dict())
    train_(model, digits[:1], rng=rng, fit=PLAIN)
    assert torch.equal(model.state_dict()["3.running_mean"], before["3.running_mean"])
    assert not torch.equal(model.state_dict()["2.weight"], before["2.weight"])


def test_a_training_ends_in_eval_mode_even_when_it_is_broken_off(digits: Images, rng: Generator) -> None:
    """A model left in train mode predicts with the statistics of its batch."""
    model = net()
    for epoch in passes(PLAIN, model, rng):
        assert model.training
        epoch.descend(lambda x, y: cross_entropy(model(x), y), digits)
        break
    assert not model.training


def test_an_epoch_can_be_made_the_last(rng: Generator) -> None:
    """Stopping by break would skip the checks after the epoch."""
    numbers = []
    for epoch in passes(Fit(epochs=5), net(), rng):
        numbers.append(epoch.number)
        if epoch.number == 1:
            epoch.stop()
    assert numbers == [0, 1]


def test_precision_decides_what_the_layers_compute_in(digits: Images, rng: Generator) -> None:
    """An ignored precision would be seen in no number."""

    def seen(epoch: Epoch, model: nn.Module) -> torch.dtype:
        found: list[torch.dtype] = []

        def loss() -> Tensor:
            logits = model(digits.x)
            found.append(logits.dtype)
            return cross_entropy(logits, digits.y)

        epoch.step(loss)
        return found[0]

    cases: list[tuple[Literal["float32", "bfloat16"], torch.dtype]] = [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
    for precision, dtype in cases:
        model = net()
        assert [seen(e, model) for e in passes(Fit(epochs=1, precision=precision), model, rng)] == [dtype]
        assert model.get_parameter("6.weight").dtype == torch.float32, "weights stay in float32"
    assert in_bfloat16(Fit(precision="auto"), torch.device("cpu")) in (True, False)


def test_progress_rises_to_the_whole(digits: Images, rng: Generator) -> None:
    """Time left is reckoned from it."""
    told: list[float] = []
    with listening(told.append):
        train_(net(), digits, rng=rng, fit=Fit(epochs=3, batch_size=64))
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_gradients_may_be_edited_before_every_step(digits: Images, rng: Generator) -> None:
    """Some unlearners scale or project gradients."""
    model = net()
    before = weights(model)

    def blank(model: nn.Module) -> None:
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.grad.zero_()

    for epoch in passes(PLAIN, model, rng, gradients=blank):
        epoch.descend(lambda x, y: cross_entropy(model.eval()(x), y), digits)
    assert torch.equal(weights(model), before)


def test_compilation_without_a_compiler_is_refused(digits: Images, rng: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's own message is forty lines long."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SpecError, match="needs a C\\+\\+ compiler"):
        train_(net(), digits, rng=rng, fit=Fit(compile=True))


@pytest.mark.slow
def test_a_compiled_training_learns_the_same(digits: Images) -> None:
    """Compilation is a matter of speed only."""
    plain, fast = (trained(digits, Fit(epochs=2, batch_size=32, lr=0.05, precision="float32", compile=c)) for c in (False, True))
    torch.testing.assert_close(weights(plain), weights(fast), rtol=1e-3, atol=1e-4)
    assert fast._compiled_call_impl is None


def test_training_through_rounding_serves_the_codes_that_the_quantizer_finds(digits: Images) -> None:
    """What the loss saw while training is what `int` computes in the end, BatchNorm folded or not; without it two bits say nothing."""
    fit = Fit(epochs=12, batch_size=32, lr=0.05, bits=2, precision="float32")
    aware, plain = trained(digits, fit), trained(digits, replace(fit, bits=0))
    with torch.no_grad(), rounding(aware, 2):
        seen = aware(digits.x)
    rounded, naive = (int_quantizer(m, digits, bits=2, activations=0) for m in (aware, plain))
    torch.testing.assert_close(predicted(rounded, digits), seen, rtol=1e-4, atol=1e-4)
    losses = [float(cross_entropy(predicted(m, digits), digits.y)) for m in (rounded, naive)]
    assert losses[0] < losses[1] - 0.1
    assert not torch.equal(predicted(aware, digits), seen), "the weights that come back are not rounded"


def test_one_step_through_rounding_is_straight_through(digits: Images) -> None:
    """w - lr * gradient at the rounded weights, as written out."""
    model, fit = net(), Fit(epochs=1, batch_size=len(digits), lr=0.1, momentum=0.0, bits=3, precision="float32")
    before, rounded = model.get_parameter("6.weight").detach().clone(), deepcopy(model).train()
    for name in layer_weights(rounded):
        rounded.get_parameter(name).data = at_nearest(rounded.get_parameter(name), 3)
    cross_entropy(rounded(digits.x), digits.y).backward()
    train_(model, digits, rng=generator("fit"), fit=fit)
    torch.testing.assert_close(model.get_parameter("6.weight"), before - 0.1 * present(rounded.get_parameter("6.weight").grad))


def test_the_best_weights_of_a_training_through_rounding_are_not_rounded(digits: Images, digits_split: Split) -> None:
    """Patience judges the rounded network and keeps the unrounded weights."""
    best = trained(digits, Fit(epochs=2, batch_size=32, lr=0.05, bits=2, patience=5), val=digits_split.val)
    weight = best.get_parameter("6.weight")
    assert not torch.allclose(weight, at_nearest(weight, 2))


def predicted(model: nn.Module, images: Images) -> Tensor:
    """Logits in evaluation mode."""
    return torch.from_numpy(predict(model, images).logits)
