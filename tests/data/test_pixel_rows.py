from copy import deepcopy
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor

from canforget.data.images import Images, together
from canforget.data.pixel_rows import PixelRows, picked


@pytest.fixture
def arrays() -> Any:
    drawn = numpy.random.default_rng(0)
    return [drawn.integers(0, 256, (n, 3, 4, 4), dtype=numpy.uint8) for n in (6, 5)]


@pytest.fixture
def plain(arrays: Any) -> Tensor:
    return torch.from_numpy(numpy.concatenate(arrays))


@pytest.fixture
def rows(arrays: Any) -> PixelRows:
    return PixelRows(arrays, torch.arange(11))


INDICES = [slice(None), slice(2, 9, 3), slice(-3, None), torch.tensor([7, 0, 0, -1]), torch.arange(11) % 2 == 0, 4, -1, torch.tensor(3), (slice(0, 2), 1), [1, 2], ..., None]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_an_index_reads_what_it_reads_of_a_plain_tensor(rows: PixelRows, plain: Tensor, index: Any) -> None:
    """Code that knows nothing of pixels on a disk must not notice."""
    found = rows[index]
    assert type(found) is Tensor
    assert torch.equal(found, plain[index])


def test_what_code_asks_of_a_tensor_is_answered(rows: PixelRows, plain: Tensor) -> None:
    assert isinstance(rows, Tensor)
    assert (rows.shape, rows.dtype, rows.ndim, len(rows), rows.nbytes, rows.device) == (
        plain.shape, plain.dtype, plain.ndim, len(plain), plain.nbytes, plain.device,
    )  # fmt: skip
    assert torch.equal(rows.float() / 255, plain.float() / 255)
    assert torch.equal(torch.cat([rows[:2], rows]), torch.cat([plain[:2], plain]))
    assert numpy.array_equal(rows.cpu().numpy(), plain.numpy())
    assert rows.tolist() == plain.tolist()
    assert [torch.equal(a, b) for a, b in zip(rows, plain, strict=True)] == [True] * 11
    assert torch.equal(deepcopy(rows).clone(), plain)
    net = torch.nn.Conv2d(3, 2, 3)
    assert torch.equal(net(rows.float()), net(plain.float()))


def test_only_what_is_asked_for_is_read(monkeypatch: pytest.MonkeyPatch, rows: PixelRows) -> None:
    """One operation that reads all of a set that is larger than memory is one too many."""
    images, read, take = Images.of(rows, torch.arange(11)), [], PixelRows.read

    def counted(x: PixelRows, index: Any = slice(None)) -> Tensor:
        found = take(x, index)
        read.append(len(found))
        return found

    monkeypatch.setattr(PixelRows, "read", counted)
    part = together(images[torch.tensor([8, 1, 5])], images[2:4].to("cpu")).only(torch.tensor([1, 2, 3, 8]))
    assert read == []
    assert [len(x) for x, _ in part.batches(2, torch.Generator())] == [2, 2]
    assert read == [2, 2]


def test_subsets_and_unions_have_the_pixels_of_plain_ones(rows: PixelRows, plain: Tensor) -> None:
    """Rows are counted through several files, and sets hold them in any order."""
    y = torch.arange(11)
    on_disk, in_memory = Images.of(rows, y), Images.of(plain, y)
    memory = Images.of(torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8), torch.zeros(2))

    def made(images: Images) -> Images:
        part = images[torch.tensor([9, 2, 7, 2])]
        return together(part[1:], memory, images.only(torch.tensor([3, 10])), part, images)[torch.tensor([0, 4, 20, 5, 6, 3, 1])]

    a, b = made(on_disk), made(in_memory)
    assert isinstance(a.x, PixelRows) and not isinstance(b.x, PixelRows)
    assert len(a.x.arrays) == 3
    for one, other in ((a.x, b.x), (a.y, b.y), (a.ids, b.ids)):
        assert torch.equal(one, other)


def test_batches_are_those_of_plain_pixels(rows: PixelRows, plain: Tensor) -> None:
    for seed in (None, 3):
        several = [
            list(Images.of(x, torch.arange(11)).batches(4, None if seed is None else torch.Generator().manual_seed(seed)))
            for x in (rows, plain)
        ]
        assert all(torch.equal(a, c) and torch.equal(b, d) and type(a) is Tensor for (a, b), (c, d) in zip(*several, strict=True))


def test_nothing_is_written_through_it(rows: PixelRows, arrays: Any) -> None:
    """What is read is a copy, even where the array lies in memory and could be written to."""
    before = arrays[0].copy()
    rows[:3].zero_()
    picked(rows, torch.tensor([0])).zero_()
    rows.zero_()
    assert numpy.array_equal(arrays[0], before)
