"""Relearning: how fast do a few forgotten images bring the others back?"""

from functools import partial
from itertools import product

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from canforget.data.images import Images, Split, together
from canforget.errors import NotMeasurable
from canforget.evaluation.probe_results import ProbeResult
from canforget.fit_settings import Fit
from canforget.hyperparameters import Count, CountsOrNone, Mixes, Part, Positive, Sample
from canforget.network.predict import last_linear
from canforget.network.weights import still
from canforget.probing.asked_images import Recall, recall, shuffled_images, trace_over
from canforget.probing.copies import trainable_copy
from canforget.progress import advance, listening
from canforget.registry import component
from canforget.training.loop import passes

MEASURED = ("accuracy", "margin")


@component(paper="Chundawat et al. 2023, https://arxiv.org/abs/2201.06640", version=2, reading="anamnesis")
def relearning(
    model: nn.Module,
    split: Split,
    *,
    rng: Generator,
    counts: CountsOrNone = (0, 1, 5, 10, 50, 100),
    mixes: Mixes = ("forget_only", "with_retain", "blank_head"),
    steps: Count = 20,
    lr: Positive = 0.01,
    batch_size: Count = 64,
    images: Sample = 200,
    within: Part = 0.1,
) -> ProbeResult:
    """Accuracy in [0, 1] and margin in nats of forgotten images, as a copy is trained on *other* forgotten images.

    Asked after 0, 1, 2, 3, 5, 8, 13, ... steps and the last.

    `forget_only_10` is trained on 10 forgotten images alone, `with_retain_10` on batches half of them and half of retained images, and
    `with_retain_0` on retained images only, and `blank_head_10` so with the last layer set to zero: what it was told to say
    is gone, what the layers below it know is left, and a step or two show it (a masked head is found here). `start` is before any of it. At most `images` are asked about, the same for every count; counts above half of the forget
    set are not run. `ain` and `steps` (`anamnesis` in evaluation/probe_readings.py) say how soon the accuracy comes within `within` of the original's.

    A model whose memory was hidden is back in a step or two; judge by the excess over retrained models, which learn as well, for the first
    time. SGD with momentum .9, gradients clipped at norm 1 (`lr` chosen on digits); BatchNorm keeps its statistics, for a few images have none of their own. A quantized model is trained
    from the values of its codes, in float.

    Cost: steps x batch_size images of training a run, and eight times `images` of asking; up to seventeen runs.
    """
    forget, most = shuffled_images(split.forget, rng), len(split.forget) // 2
    can = [k for k in counts if k <= most]
    if not can or len(forget) < 2:
        raise NotMeasurable(f"relearning: {len(forget)} forgotten images are too few to relearn from some and ask about others")
    taught, asked = forget[: max(can)], forget[max(can) : max(can) + images]
    runs = [(mix, k) for mix, k in product(mixes, can) if k or (mix != "forget_only" and len(split.retain))]
    start = recall(trainable_copy(model, "relearning"), asked)
    traces, trained = {f"start.{m}": trace_over([0], [start[place]], asked) for place, m in enumerate(MEASURED)}, 0
    fit = Fit(epochs=steps, batch_size=batch_size, lr=lr, clip=1.0, precision="float32")
    for number, (mix, k) in enumerate(runs):
        batches = [batch_of(taught[:k], taught[:0] if mix == "forget_only" else split.retain, batch_size, rng) for _ in range(steps)]
        with listening(lambda part: None):
            curve = relearned(learner_of(model, mix), batches, asked, fit, rng)
        trained += sum(map(len, batches))
        for place, measure in enumerate(MEASURED):
            traces[f"{mix}_{k}.{measure}"] = trace_over(asked_steps(steps), [found[place] for found in curve], asked)
        advance((number + 1) / len(runs))
    why = f"only {len(forget)} forgotten images: at most half of them are taught"
    refused = {f"{mix}_{k}.accuracy": why for mix, k in product(mixes, counts) if k > most}
    cost = {"trained_images": trained, "steps": steps * len(runs), "asked_images": len(asked) * (len(asked_steps(steps)) * len(runs) + 1)}
    return ProbeResult(traces, {"cost": cost, "not_run": refused})


def batch_of(taught: Images, retain: Images, size: int, rng: Generator) -> Images:
    """A batch of the taught images; half of it, or all where none are taught, of retained ones where there are any."""
    known = min(len(taught), size // 2 if len(retain) else size)
    parts = [(taught, known), (retain, min(len(retain), size - known))]
    return together(*(part[chosen(len(part), count, rng).to(part.x.device)] for part, count in parts if count))


def learner_of(model: nn.Module, mix: str) -> nn.Module:
    """The copy that is to relearn."""
    learner = trainable_copy(model, "relearning")
    if mix == "blank_head":
        head = last_linear(learner)
        assert isinstance(head, nn.Linear)
        with torch.no_grad():
            head.weight.zero_()
            if head.bias is not None:
                head.bias.zero_()
    return learner


def chosen(total: int, count: int, rng: Generator) -> Tensor:
    """Places of `count` of `total`, drawn without return."""
    return torch.randperm(total, generator=rng)[:count]


def relearned(learner: nn.Module, batches: list[Images], asked: Images, fit: Fit, rng: Generator) -> list[Recall]:
    """What the model says of the images asked about, at first and after some of the batches."""
    found, when = [recall(learner, asked)], asked_steps(len(batches))
    for epoch, batch in zip(passes(fit, learner, rng), batches, strict=True):
        with still(learner):
            for x, y in epoch.batches(batch):
                epoch.step(partial(label_loss, learner, x, y))
        if epoch.number + 1 in when:
            found.append(recall(learner, asked))
    return found


def asked_steps(steps: int) -> list[int]:
    """The steps after which the model is asked: nearly all at first, fewer later, and the last.

    >>> asked_steps(20)
    [0, 1, 2, 3, 5, 8, 13, 20]
    """
    found = [0, 1]
    while found[-1] < steps:
        found.append(found[-1] + max(1, found[-2]))
    return [*found[:-1], steps] if found[-1] > steps else found


def label_loss(learner: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of the labels in nats."""
    return cross_entropy(learner(x), y)
