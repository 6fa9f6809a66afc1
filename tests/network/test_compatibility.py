from unittest.mock import Mock

import pytest
import torch
from torch import nn

from canforget.errors import ArtifactError
from canforget.network.compatibility import try_out


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (RuntimeError("could not create a primitive"), "Conv2d could not be asked: it raised RuntimeError: could not create a primitive"),
        (MemoryError(), "Conv2d could not be asked: it raised MemoryError"),
        (RuntimeError("expected input to have 3 channels"), "Conv2d cannot take images of 1 x 8 x 8 pixels: it raised RuntimeError"),
    ],
)
def test_a_net_that_got_no_memory_is_not_said_to_be_made_for_other_images(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, says: str
) -> None:
    monkeypatch.setattr(nn.functional, "conv2d", Mock(side_effect=problem))
    with pytest.raises(ArtifactError, match=says) as found:
        try_out(nn.Conv2d(1, 2, 3), torch.zeros(2, 1, 8, 8, dtype=torch.uint8), None, 2)
    assert ("memory" in str(found.value)) == ("could not be asked" in says)
