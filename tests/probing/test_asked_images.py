"""The images asked about are matched, and the same for every model."""

from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch

from canforget.data.images import Images
from canforget.errors import NotMeasurable
from canforget.probing.asked_images import forgotten_and_unseen, recall, shuffled_images
from canforget.rng import generator


def test_an_unseen_image_is_of_the_class_of_the_forgotten_one_in_its_place(digits_split: Any) -> None:
    mixed = replace(
        digits_split,
        forget=digits_split.retain[:50],
        retain=digits_split.retain[50:],
        calibration=digits_split.retain[50:60],
        test_forget=digits_split.test_retain,
    )
    forget, unseen = forgotten_and_unseen(mixed, 20, generator("a"))
    assert len(forget) == len(unseen) == 20
    assert torch.equal(forget.y, unseen.y)
    assert len(torch.unique(unseen.ids)) == 20
    again = forgotten_and_unseen(mixed, 20, generator("a"))
    assert torch.equal(again[0].ids, forget.ids)
    assert torch.equal(again[1].ids, unseen.ids)


def test_without_unseen_images_of_the_class_nothing_is_compared(digits_split: Any) -> None:
    none = replace(digits_split, test_forget=digits_split.test_forget[:0], held_out=digits_split.held_out[:0])
    with pytest.raises(NotMeasurable, match="no unseen images"):
        forgotten_and_unseen(none, 20, generator("a"))


def test_recall_is_what_the_logits_say(small_model: Any, digits_split: Any) -> None:
    asked: Images = shuffled_images(digits_split.test, generator("b"))[:30]
    with torch.no_grad():
        p = small_model(asked.x).double().softmax(1).numpy()
    own = p[numpy.arange(30), asked.y.numpy()]
    correct, margin = recall(small_model, asked)
    assert numpy.array_equal(correct, p.argmax(1) == asked.y.numpy())
    assert margin == pytest.approx(numpy.log(own / (1 - own)), rel=1e-3, abs=1e-2)
