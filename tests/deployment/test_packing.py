"""Packed codes come back as they were, in as many bytes as they need."""

from typing import Any

import numpy
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from canforget.deployment.packing import pack, unpack


@given(st.integers(2, 8), st.booleans(), st.data())
def test_packed_codes_come_back_and_take_their_bits(bits: Any, signed: Any, data: Any) -> None:
    """The last byte of an odd number of codes; the sign of the lowest code."""
    low = -(2 ** (bits - 1)) if signed else 0
    kind = numpy.int8 if signed else numpy.uint8
    codes = torch.from_numpy(
        data.draw(arrays.arrays(kind, st.tuples(st.integers(0, 5), st.integers(1, 7)), elements=st.integers(low, low + 2**bits - 1)))
    )
    packed = pack(codes, low, bits)
    assert packed.numel() == -(-codes.numel() * bits // 8)
    assert packed.dtype == torch.uint8
    assert torch.equal(unpack(packed, low, bits, torch.zeros_like(codes)), codes)
