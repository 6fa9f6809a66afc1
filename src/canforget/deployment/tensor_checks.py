"""Tensors of a file, checked before they become a model: names, shapes, dtypes, finite weights, scales, codes and variances in range."""

import hashlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from canforget.errors import ArtifactError, did_you_mean
from canforget.network.classifier import Architecture, Normalize
from canforget.quantization.layer import ActivationQuantizer, QuantizedLayer

AGAIN = "copy it again, or write it again"


def check_tensors(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], *, exact: bool) -> None:
    """Refuses tensors of other names, shapes or dtypes than the model's, and such as are not finite.

    With `exact` dtypes must be the same, else both floating point or both integers: others keep their weights in half precision, too.
    """
    for name, tensor in wanted.items():
        if name not in found:
            raise ArtifactError(f"no tensor '{name}'{did_you_mean(name, found)}; is it of this architecture?")
        if found[name].shape != tensor.shape:
            raise ArtifactError(f"'{name}' is {list(found[name].shape)}, but the architecture has {list(tensor.shape)}")
    if extra := sorted(set(found) - set(wanted)):
        raise ArtifactError(f"{len(extra)} tensors that the architecture has not, '{extra[0]}' among them")
    for name, tensor in wanted.items():
        check_kind(found[name], tensor.dtype, f"'{name}'", exact)
        check_finite_tensor(found[name], f"'{name}'")


def check_kind(found: Tensor, wanted: torch.dtype, what: str, exact: bool) -> None:
    """Refuses a tensor without plain values, and one of another dtype."""
    if found.layout != torch.strided or found.is_quantized or found.is_meta:
        raise ArtifactError(f"{what} holds no plain values (it is sparse, quantized or empty); save it as a dense tensor")
    alike = found.dtype == wanted or (not exact and number_kind(found.dtype) == number_kind(wanted))
    if not alike:
        raise ArtifactError(f"{what} is {short(found.dtype)}, but the architecture has {short(wanted)}; save it as {short(wanted)}")


def number_kind(dtype: torch.dtype) -> str:
    """Which kind of numbers a dtype holds; formats of eight bits and fewer stand for nothing without a scale.

    >>> number_kind(torch.bfloat16), number_kind(torch.int8), number_kind(torch.float8_e5m2)
    ('floating point', 'integers', 'float8_e5m2')
    """
    if dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        return "floating point"
    return short(dtype) if dtype.is_floating_point or dtype.is_complex or dtype == torch.bool else "integers"


def short(dtype: torch.dtype) -> str:
    """A dtype's name, as in float32."""
    return str(dtype).removeprefix("torch.")


def check_finite_tensor(found: Tensor, what: str) -> None:
    """Refuses NaN and infinity, and float64 beyond float32."""
    if found.is_floating_point() and not bool(torch.isfinite(found.float()).all()):
        bad = int((~torch.isfinite(found.float())).sum())
        raise ArtifactError(f"{what} is not finite ({bad} of {found.numel()} values are NaN or infinite); the training diverged or {AGAIN}")


def check_values(model: nn.Module) -> None:
    """Refuses variances below 0, deviations, scales and zero points out of range, codes that are not on the grid, and a net of zeros."""
    for name, module in model.named_modules():
        fault = next(faults(module), "")
        if fault:
            raise ArtifactError(f"'{f'{name}.' if name else ''}{fault}; {AGAIN}")
    weights = [p for p in model.parameters() if p.ndim > 1]
    if weights and not any(bool(w.any()) for w in weights):
        raise ArtifactError("every weight is 0, so that all images look alike; train the model before you save it")


def check_normalization(model: nn.Module, said: Architecture | None) -> None:
    """Refuses a first layer that normalizes or resizes otherwise than the header says: retraining would build another network."""
    normalize = getattr(model, "normalize", None)
    if said is None or not isinstance(normalize, Normalize):
        return
    for name, wanted, found in (("means", said.mean, normalize.mean), ("deviations", said.std, normalize.std)):
        if not torch.equal(torch.tensor(wanted).view(-1, 1, 1), found.cpu()):
            raise ArtifactError(f"its header says {name} {wanted}, but its tensors hold {found.flatten().tolist()}; write the file again")
    if said.input_size not in (0, normalize.size):
        raise ArtifactError(
            f"its header says images are resized to {said.input_size}, but the network resizes to {normalize.size or 'none'}"
        )


def check_no_dead_layer(model: nn.Module) -> None:
    """Refuses a convolution or linear layer whose weight is all zeros: in trained weights of others, a sign of damage."""
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) and module.weight.numel() and not bool(module.weight.any()):
            raise ArtifactError(f"'{name}.weight' is 0 throughout, so the layer passes nothing on; {AGAIN}")


def faults(module: nn.Module) -> Iterator[str]:
    """What is wrong with a module's own numbers, each as "name' is ..."."""
    if isinstance(module, _NormBase) and module.running_var is not None and bool((module.running_var < 0).any()):
        yield "running_var' has variances below 0"
    if isinstance(module, Normalize) and not bool((module.std > 0).all()):
        yield "std' has deviations that are not above 0"
    if isinstance(module, ActivationQuantizer):
        yield from reader_faults(module)
    if isinstance(module, QuantizedLayer):
        yield from code_faults(module)


def reader_faults(module: ActivationQuantizer) -> Iterator[str]:
    """What is wrong with an input's scale and zero point."""
    if not bool((module.scale > 0).all()):
        yield "scale' is not above 0"
    zero, grid = module.zero_point, module.grid
    if not grid.affine and bool(zero.any()):
        yield "zero_point' is not 0 on a grid without one"
    if grid.affine and not bool(((zero == zero.round()) & (zero >= grid.low) & (zero <= grid.high)).all()):
        yield f"zero_point' is no integer from {grid.low} to {grid.high}"


def code_faults(module: QuantizedLayer) -> Iterator[str]:
    """What is wrong with a weight's codes, scales and zero points."""
    held = module.held()
    if held is None:
        return
    if not bool((held.scale > 0).all()):
        yield "scale' has scales that are not above 0"
    levels = held.grid.levels
    if held.zero_point is not None and not bool(((held.zero_point >= -levels) & (held.zero_point <= 2 * levels)).all()):
        yield f"zero_point' has zero points out of {-levels} to {2 * levels}"
    low, high = (held.grid.low, held.grid.high) if held.grid.kind == "int" else (0, levels - 1)
    if held.grid.bits <= 8 and not bool(((held.codes >= low) & (held.codes <= high)).all()):
        yield f"codes' has codes out of {low} to {high}"
    elif not bool(torch.isfinite(held.values()).all()):
        yield "codes' has codes that stand for NaN or infinity"


def tensors_checksum(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors in hexadecimal: names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
