"""Rounding against what the mathematics says of it, and against torch, torchao and ONNX Runtime for the same scales."""

import warnings
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Generator, Tensor

from canforget.errors import DivergedError, SpecError
from canforget.quantization.grid import TABLES, Grid, blocked, check_finite, decode, encode, rounded, scales, unblocked
from canforget.quantization.ranges import RangeMethod, weight_range

FLOATS = st.floats(-1e4, 1e4, width=32)
WEIGHTS = arrays.arrays(numpy.float32, st.tuples(st.integers(1, 5), st.integers(1, 24)), elements=FLOATS).map(torch.from_numpy)
BITS = st.integers(2, 8)
GRANULARITIES = st.sampled_from(["per_tensor", "per_channel", "per_group"])
GRIDS = st.builds(Grid, st.just("int"), BITS, GRANULARITIES, st.integers(1, 7), symmetric=st.booleans(), full_range=st.booleans())
KINDS = st.sampled_from(["e4m3", "e5m2", "e2m1", "nf4", "bfloat16"])
ANY = st.one_of(GRIDS, st.builds(Grid, KINDS, st.just(8), GRANULARITIES, st.integers(1, 7)))


def on_grid(weight: Tensor, grid: Grid) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """(blocks, scale, zero point, codes) of a weight, over its full range."""
    blocks = blocked(weight, 0, grid)
    scale, zero = scales(*weight_range(blocks, grid, RangeMethod()), grid)
    return blocks, scale, zero, encode(blocks, scale, zero, grid)


@given(WEIGHTS, GRIDS)
def test_codes_lie_within_the_range_of_their_bits(weight: Any, grid: Any) -> None:
    """A code one beyond the range wraps around in a file of so many bits, and flips the sign of the weight."""
    codes = on_grid(weight, grid)[3].int()
    assert grid.low <= int(codes.min())
    assert int(codes.max()) <= grid.high
    assert grid.high - grid.low < 2**grid.bits


@given(WEIGHTS, GRIDS)
def test_the_error_is_at_most_half_a_step(weight: Any, grid: Any) -> None:
    """Truncation instead of rounding, or a scale that clips the largest weight, doubles it (affine ends may lose half a step more)."""
    blocks, scale, zero, codes = on_grid(weight, grid)
    error = (decode(codes, scale, zero, grid) - blocks).abs()
    steps = 0.5 if zero is None else 1.0
    assert bool((error <= steps * scale * (1 + 1e-4) + 1e-37).all())


@given(WEIGHTS, ANY)
def test_rounding_twice_changes_nothing_more(weight: Any, grid: Any) -> None:
    """Else a model saved and loaded again would drift."""
    _, scale, zero, codes = on_grid(weight, grid)
    values = decode(codes, scale, zero, grid)
    assert torch.equal(decode(encode(values, scale, zero, grid), scale, zero, grid), values)


@given(WEIGHTS, ANY)
def test_activations_are_rounded_by_the_same_rule_as_weights(weight: Any, grid: Any) -> None:
    """Two implementations of one rule differ at ties sooner or later."""
    blocks, scale, zero, codes = on_grid(weight, grid)
    assert torch.equal(rounded(blocks, scale, zero, grid), decode(codes, scale, zero, grid))


@given(WEIGHTS, ANY)
def test_zero_stays_zero(weight: Any, grid: Any) -> None:
    """Padding and ReLU put out exact zeros; pruned weights are zeros."""
    weight[..., 0] = 0
    blocks, scale, zero, codes = on_grid(weight, grid)
    assert bool((decode(codes, scale, zero, grid)[blocks == 0] == 0).all())


@given(WEIGHTS, BITS)
def test_no_channel_has_a_larger_step_of_its_own_than_all_have_together(weight: Any, bits: Any) -> None:
    """The bound on the error is half a step, so per channel it can only fall."""
    own, shared = (on_grid(weight, Grid(bits=bits, granularity=g))[1].flatten() for g in ("per_channel", "per_tensor"))
    assert bool((own <= shared)[weight.any(dim=1)].all())


@pytest.mark.parametrize("bits", range(2, 9))
def test_per_channel_beats_per_tensor_on_unequal_channels(bits: Any) -> None:
    """The case that per-channel scales are there for: channels whose ranges differ a hundredfold."""
    weight = torch.linspace(-1, 1, 64).view(2, 32) * torch.tensor([[1.0], [0.01]])
    mean = []
    for granularity in ("per_channel", "per_tensor"):
        blocks, scale, zero, codes = on_grid(weight, Grid(bits=bits, granularity=granularity))
        mean.append(float((decode(codes, scale, zero, Grid(bits=bits)) - blocks).square().mean()))
    assert mean[0] < mean[1]


@pytest.mark.parametrize(("kind", "dtype", "top"), [("e4m3", torch.float8_e4m3fn, 448), ("e5m2", torch.float8_e5m2, 57344)])
def test_float8_is_torchs_cast_bit_for_bit(kind: Any, dtype: Any, top: Any) -> None:
    """Every float8 value, every midpoint between two and its neighbours, and values far outside."""
    every = torch.arange(256, dtype=torch.uint8).view(dtype).float()
    every = every[every.isfinite()].sort().values
    middle = (every[1:] + every[:-1]) / 2
    x = torch.cat([every, middle, middle.nextafter(torch.tensor(9e9)), middle.nextafter(torch.tensor(-9e9))])
    codes = encode(x, torch.tensor(1.0), None, Grid(kind))
    assert torch.equal(codes, x.to(dtype).view(torch.uint8))
    assert torch.equal(rounded(torch.tensor([1e9, -1e9]), torch.tensor(1.0), None, Grid(kind)), torch.tensor([top, -top]).float())


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_half_formats_are_torchs_casts(kind: Any) -> None:
    """A scale, or truncation, where there must be neither."""
    x = torch.linspace(-70, 70, 1001)
    assert torch.equal(rounded(x, torch.tensor(1.0), None, Grid(kind, 16)), x.to(getattr(torch, kind)).float())


def test_four_bit_floats_take_the_nearest_value_and_break_ties_to_even() -> None:
    """The slow way: look at all sixteen values; of two equally near, e2m1 takes the one with an even mantissa."""
    x = torch.linspace(-7, 7, 2801)
    values = torch.tensor(TABLES["e2m1"])
    for scaled, found in zip(x.tolist(), rounded(x, torch.tensor(1.0), None, Grid("e2m1", 4)).tolist(), strict=True):
        assert abs(found - scaled) <= float((values - scaled).abs().min()) + 1e-6
    ties = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
    expected = torch.tensor([0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0])
    assert torch.equal(rounded(ties, torch.tensor(1.0), None, Grid("e2m1", 4)), expected)
    assert torch.equal(rounded(-ties, torch.tensor(1.0), None, Grid("e2m1", 4)), -expected)


def test_nf4_takes_the_nearest_value() -> None:
    """A bucket boundary at a value instead of halfway biases every weight downwards."""
    x = torch.linspace(-1, 1, 999)
    values = torch.tensor(TABLES["nf4"])
    slow = torch.stack([values[(values - v).abs().argmin()] for v in x])
    assert torch.equal(rounded(x, torch.tensor(1.0), None, Grid("nf4", 4)), slow)


@pytest.mark.parametrize("bits", range(2, 9))
def test_integer_codes_are_torchaos_for_the_same_scales(bits: Any, rng: Generator) -> None:
    """An independent implementation, on a convolution's weight."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        primitives = pytest.importorskip("torchao.quantization.quant_primitives")
    weight = torch.randn(6, 4, 3, 3, generator=rng)
    grid = Grid(bits=bits)
    _, scale, _, codes = on_grid(weight, grid)
    theirs = primitives.quantize_affine(
        weight, (1, 4, 3, 3), scale.flatten(), torch.zeros(6, dtype=torch.int8), torch.int8, quant_min=grid.low, quant_max=grid.high
    )
    assert torch.equal(unblocked(codes, weight.shape, 0), theirs)


@pytest.mark.parametrize("symmetric", [True, False])
def test_integer_codes_are_onnx_runtimes_for_the_same_scales(symmetric: Any, rng: Generator) -> None:
    """The engine that deployed files run on: what is simulated must be what it computes."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    weight = torch.randn(6, 40, generator=rng)
    grid = Grid(symmetric=symmetric)
    _, scale, zero, codes = on_grid(weight, grid)
    kind = numpy.int8 if symmetric else numpy.uint8
    zeros = numpy.zeros(6, kind) if zero is None else zero.flatten().numpy().astype(kind)
    helper = onnx.helper
    constants = [onnx.numpy_helper.from_array(v, n) for n, v in (("scale", scale.flatten().numpy()), ("zero", zeros))]
    graph = helper.make_graph(
        [helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"], axis=0)],
        "quantize",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [6, 40])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.INT8 if symmetric else onnx.TensorProto.UINT8, [6, 40])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert numpy.array_equal(session.run(None, {"x": weight.numpy()})[0], codes.view(6, 40).numpy())


@given(WEIGHTS, GRIDS)
@settings(max_examples=50)
def test_blocks_are_put_back_in_place(weight: Any, grid: Any) -> None:
    """The padding of the last group must not reach the weight."""
    for axis in (0, 1):
        assert torch.equal(unblocked(blocked(weight, axis, grid), weight.shape, axis), weight)


def test_a_transposed_convolution_has_its_channels_on_the_second_axis() -> None:
    """Scales along the input channels would be of no use to any kernel."""
    weight = torch.ones(3, 5, 2, 2) * torch.arange(1.0, 6).view(1, 5, 1, 1)
    scale = scales(*weight_range(blocked(weight, 1, Grid()), Grid(), RangeMethod()), Grid())[0]
    assert torch.allclose(scale.flatten() * 127, torch.arange(1.0, 6))


def test_block_scales_of_mx_are_powers_of_two_that_leave_the_top_in_reach() -> None:
    """OCP MX: the exponent of the block's largest magnitude, less 2 for e2m1."""
    grid = Grid("e2m1", 4, "per_group", 4, scales="e8m0")
    blocks = torch.tensor([[[0.1, 6.0, 0, 0], [3.9, 0, 0, 0], [0.0, 0, 0, 0]]])
    assert scales(-blocks.abs().amax(-1, keepdim=True), blocks.amax(-1, keepdim=True), grid)[0].flatten().tolist() == [1.0, 0.5, 1.0]


def test_a_channel_of_zeros_has_a_scale_that_is_safe_to_divide_by() -> None:
    """0 / 0 is NaN, and a NaN spreads."""
    for grid in (Grid(), Grid(symmetric=False), Grid("e4m3"), Grid("e2m1", 4, "per_group", 2, scales="e4m3"), Grid("nf4", 4)):
        _, scale, zero, codes = on_grid(torch.tensor([[0.0, 0.0], [1.0, -2.0]]), grid)
        assert bool(scale.gt(0).all())
        assert not bool(decode(codes, scale, zero, grid)[0].any())


def test_impossible_grids_are_refused_in_words() -> None:
    """Nine bits, an unknown format, a group of nothing."""
    with pytest.raises(SpecError, match="bits must be 2 to 8, not 9"):
        Grid(bits=9)
    with pytest.raises(SpecError, match="no format 'e3m4'"):
        Grid("e3m4")
    with pytest.raises(SpecError, match="no granularity 'per_row'"):
        Grid(granularity="per_row")
    with pytest.raises(SpecError, match="group_size"):
        Grid(granularity="per_group")


def test_weights_that_are_not_finite_are_refused() -> None:
    """A diverged run must not end as a quantized model of zeros."""
    with pytest.raises(DivergedError, match=r"net\.conv: weights are not finite"):
        check_finite(torch.tensor([1.0, float("nan")]), "net.conv")
