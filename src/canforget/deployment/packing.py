"""Codes of a few bits packed into bytes without gaps, and back."""

import numpy
import torch
from torch import Tensor


def pack(codes: Tensor, low: int, bits: int) -> Tensor:
    """Returns uint8 [ceil(n * bits / 8)]: the codes, counted from `low`, as `bits` bits each, highest bit first.

    >>> pack(torch.tensor([-7, 7, 0], dtype=torch.int8), low=-7, bits=4).tolist()
    [14, 112]
    """
    counted = (codes.flatten().cpu().to(torch.int16) - low).to(torch.uint8).numpy()
    if bits == 8:
        return torch.from_numpy(counted)
    return torch.from_numpy(numpy.packbits(numpy.unpackbits(counted[:, None], axis=1)[:, 8 - bits :]))


def unpack(packed: Tensor, low: int, bits: int, like: Tensor) -> Tensor:
    """Undoes `pack` into the shape and dtype of `like`.

    >>> unpack(torch.tensor([14, 112], dtype=torch.uint8), -7, 4, torch.zeros(3, dtype=torch.int8)).tolist()
    [-7, 7, 0]
    """
    counted = packed.numpy()
    if bits < 8:
        each = numpy.unpackbits(counted, count=like.numel() * bits).reshape(-1, bits)
        counted = numpy.packbits(numpy.pad(each, ((0, 0), (8 - bits, 0))), axis=1)[:, 0]
    return (torch.from_numpy(counted.copy()).to(torch.int16) + low).to(like.dtype).view(like.shape)


def pack_scales(scale: Tensor, kind: str) -> dict[str, Tensor]:
    """Scales in the format that they are rounded to: "e8m0" as exponents, "e4m3" as float8 and the number they are multiplied with.

    >>> {name: t.tolist() for name, t in pack_scales(torch.tensor([0.5, 8.0]), "e8m0").items()}
    {'scale': [126, 130]}
    """
    if kind == "e8m0":
        return {"scale": (torch.frexp(scale).exponent - 1 + 127).to(torch.uint8)}
    if kind == "e4m3":
        whole = scale.max() / 448
        return {"scale": (scale / whole).to(torch.float8_e4m3fn).view(torch.uint8), "whole": whole}
    return {"scale": scale}


def unpack_scales(packed: Tensor, whole: Tensor | None, kind: str) -> Tensor:
    """Undoes `pack_scales`.

    >>> unpack_scales(torch.tensor([126, 130], dtype=torch.uint8), None, "e8m0").tolist()
    [0.5, 8.0]
    """
    if kind == "e8m0":
        return torch.ldexp(torch.ones(packed.shape), packed.int() - 127)
    if kind == "e4m3" and whole is not None:
        return packed.view(torch.float8_e4m3fn).float() * whole
    return packed
