"""Sweeps over bits: what a model loses, what it remembers and what it weighs at every width, layer by layer, and at a rounding's neighbors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_origin

import numpy
from torch import nn

from canforget.data.images import Images, Split
from canforget.deployment import model_file
from canforget.errors import SpecError
from canforget.evaluation.membership_scores import log_odds
from canforget.network.compatibility import require_fits
from canforget.network.predict import predict
from canforget.pipeline import quantize
from canforget.quantization.folding import folded
from canforget.quantization.layer import QuantizedLayer, codes
from canforget.quantization.quantized import require_float
from canforget.report.fit_width import line
from canforget.spec import Call, parse

VARIED = ("symmetric", "granularity", "full_range", "ranges")
"""What tells one rounding of a width from its neighbors: zero point, how far a scale reaches, how it is chosen, what is clipped."""


@dataclass(frozen=True)
class Row:
    """A rounding of a model: accuracy in [0, 1] on val (of retained classes) and on the forget set, log-odds of forgotten labels, bytes.

    `val_accuracy` is None where no images were held for validation, `forget_accuracy` and `forget_margin` (mean over the forget set, in
    nats) where nothing was named that is to be forgotten.
    """

    rounding: str
    bits: int
    layer: str = ""
    val_accuracy: float | None = None
    forget_accuracy: float | None = None
    forget_margin: float | None = None
    bytes: int = 0
    not_run: str = ""


@dataclass(frozen=True)
class Sweep:
    """A model in float32, at every width, with one layer at a time at a width, and at one width the roundings next to the one named."""

    float32: Row
    uniform: tuple[Row, ...]
    layers: tuple[Row, ...]
    neighbors: tuple[Row, ...]

    @property
    def worst(self) -> Row | None:
        """The neighbor, the named rounding among them, at which most of the forget set is recognized; ties go to the larger margin."""
        known = [row for row in self.neighbors if row.forget_accuracy is not None]
        return max(known, key=remembered, default=None)

    def to_json(self) -> dict[str, Any]:
        """The sweep as JSON holds it."""
        return {**asdict(self), "worst": None if self.worst is None else asdict(self.worst)}


def remembered(row: Row) -> tuple[float, float]:
    """What roundings are ordered by: forget accuracy, then margin."""
    return (row.forget_accuracy or 0.0, -numpy.inf if row.forget_margin is None else row.forget_margin)


def sweep(
    model: nn.Module,
    split: Split,
    quantizer: Call,
    *,
    bits: Iterable[int] = (8, 7, 6, 5, 4, 3, 2),
    layer_bits: Iterable[int] = (3,),
    neighbor_bits: int = 4,
    forgetting: bool = True,
) -> Sweep:
    """Returns what `quantizer` does to `model` at each of `bits`, to one layer at a time (weights only), and what its neighbors do.

    Nothing is judged on test images: a width that is chosen by this table was not chosen by what will be reported of it.

    Limits: says what is remembered, not that rounding brought it back: that takes retrained models rounded alike (`canforget run`).
    """
    if "bits" not in dict(quantizer.parameters):
        raise SpecError(f"--quantizer: {quantizer.name} has no bits to sweep; name one that has, as int")
    require_float(model, "sweep")
    require_fits(model, split)
    judge = judging(split, forgetting)
    root = folded(model, (split.val if len(split.val) else split.calibration).x)
    return Sweep(
        judge(root, "float32", 32, ""),
        tuple(judge(quantize(model, split, changed(quantizer, bits=b)), f"{b} bits", b, "") for b in bits),
        tuple(row for b in layer_bits for row in one_layer_each(model, split, quantizer, b, judge)),
        tuple(neighbor_rows(model, split, changed(quantizer, bits=neighbor_bits), judge)),
    )


Judge = Callable[[nn.Module, str, int, str], Row]
"""(model, rounding, bits, layer) -> what became of it."""


def judging(split: Split, forgetting: bool) -> Judge:
    """What asks a model about val images of retained classes, and about the forget set."""
    val = retained(split.val, split.forgotten_classes)

    def judge(model: nn.Module, rounding: str, bits: int, layer: str) -> Row:
        accuracy, size = float(predict(model, val).correct.mean()) if len(val) else None, bytes_of(model)
        if not forgetting:
            return Row(rounding, bits, layer, accuracy, bytes=size)
        forget = predict(model, split.forget)
        margin = float(log_odds(forget).mean())
        return Row(rounding, bits, layer, accuracy, float(forget.correct.mean()), margin if numpy.isfinite(margin) else None, size)

    return judge


def retained(images: Images, forgotten: Sequence[int]) -> Images:
    """The images whose class is not forgotten as a whole."""
    keep = images.y == images.y
    for label in forgotten:
        keep &= images.y != label
    return images[keep]


def bytes_of(model: nn.Module) -> int:
    """Size of a model's tensors as its file holds them, codes packed to their bits."""
    return sum(t.numel() * t.element_size() for t in model_file.stored(model).values())


def changed(call: Call, **values: Any) -> Call:
    """A call with some of its hyperparameters changed."""
    return parse(call.family, {"name": call.name, **dict(call.parameters), **values})


def one_layer_each(model: nn.Module, split: Split, quantizer: Call, bits: int, judge: Judge) -> Iterator[Row]:
    """The folded network with the weights of one layer at a time rounded, all else in float."""
    weights_only = {"activations": 0} if "activations" in dict(quantizer.parameters) else {}
    held = codes(quantize(model, split, changed(quantizer, bits=bits, **weights_only)))
    root = folded(model, (split.val if len(split.val) else split.calibration).x).requires_grad_(False)
    for name, rounded in held.items():
        layer = root.get_submodule(name)
        root.set_submodule(name, QuantizedLayer(deepcopy(layer), rounded))
        yield judge(root, f"{bits} bits", bits, name)
        root.set_submodule(name, layer)


def neighbor_rows(model: nn.Module, split: Split, quantizer: Call, judge: Judge) -> Iterator[Row]:
    """The rounding itself, and each that differs from it in one choice."""
    bits = quantizer["bits"]
    for name, call in [("as named", quantizer), *variants(quantizer)]:
        try:
            yield judge(quantize(model, split, call), name, bits, "")
        except SpecError as problem:
            yield Row(name, bits, not_run=str(problem))


def variants(call: Call) -> Iterator[tuple[str, Call]]:
    """The calls that differ from this one in one of `VARIED`, each with a name that says in what.

    >>> [name for name, _ in variants(parse("quantizers", "int"))][:3]
    ['symmetric=False', 'granularity=per_tensor', 'granularity=per_group']
    """
    types = {p.name: p.type for p in call.component.parameters}
    for name in [n for n in VARIED if n in types]:
        if name == "full_range" and not dict(call.parameters).get("symmetric", True):
            continue  # an affine grid has no lowest code to leave out
        choices = get_args(types[name]) if get_origin(types[name]) is Literal else (False, True)
        for value in choices:
            if value != call[name]:
                yield f"{name}={value}", changed(call, **{name: value})


HEADS = ("rounding", "layer", "val %", "forget set %", "margin", "bytes")


def sweep_text(found: Sweep) -> str:
    """The sweep as aligned tables, worst neighbor last."""
    tables = [
        ("All layers", [found.float32, *found.uniform]),
        ("One layer at a time, weights only", found.layers),
        ("Neighbors of the rounding", found.neighbors),
    ]
    blocks = [(title, [sweep_cells(row) for row in rows]) for title, rows in tables if rows]
    wide = [max(len(line[i]) for line in [HEADS, *(c for _, rows in blocks for c in rows)]) for i in range(len(HEADS))]
    lines = []
    for title, rows in blocks:
        lines += [title, *(line(row, wide, (0, 1)) for row in [HEADS, *rows]), ""]
    if found.worst is not None:
        lines.append(
            f"Worst neighbor: {found.worst.rounding}: {percent_or_dash(found.worst.forget_accuracy)} % of the forget set recognized."
        )
    return "\n".join([*lines, LEGEND])


LEGEND = (
    "val: accuracy on validation images of retained classes (–: none were held, as for an adopted model).\n"
    "margin: mean log-odds of the forgotten labels, nats. What is remembered was brought back by rounding only if models retrained without\n"
    "it do not show the same: canforget run compares them."
)


def sweep_cells(row: Row) -> tuple[str, ...]:
    """A row's cells as text."""
    margin = "–" if row.forget_margin is None else f"{row.forget_margin:+.2f}"
    name = f"{row.rounding} (not run: {row.not_run})" if row.not_run else row.rounding
    return (
        name,
        row.layer or "all",
        percent_or_dash(row.val_accuracy),
        percent_or_dash(row.forget_accuracy),
        margin,
        f"{row.bytes:,}" if row.bytes else "–",
    )


def percent_or_dash(value: float | None) -> str:
    """A fraction in percent, one place.

    >>> percent_or_dash(0.5), percent_or_dash(None)
    ('50.0', '–')
    """
    return "–" if value is None else f"{100 * value:.1f}"
