"""Every figure draws what the records hold, in words and as a table too, and says how to record what they do not hold."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import SpecError
from canforget.report.drawing.figure import Figure, panel_svg
from canforget.report.figure_list import FIGURES, figures_named
from canforget.report.figures.price import Paid, front
from canforget.report.figures.score_distributions import quantile
from canforget.report.record import Measured, Record, Summary, load_records, over_seeds
from tests.report.test_judgment import study

CURVES: dict[str, Any] = {
    "roc": {"matched": {"fpr": [0.0, 0.01, 0.1, 1.0], "tpr": [0.0, 0.05, 0.3, 1.0], "n": [50, 100]}, "calibrated": {"not_run": "one model"}},
    "scores": {"calibrated": True, "edges": [-1.0, 0.0, 1.0], "counts": {"forget": [3, 7], "unseen": [6, 4], "retain": [1, 9]}},
    "per_class": {"classes": [0, 1], "accuracy": [0.25, 0.75], "n": [4, 4]},
    "layers": {"a": {"flip_rate_own": 0.1, "signal_to_noise": None, "retained_projection": 1.0, "expected_flip_rate": 0.1},
               "b": {"flip_rate_own": 0.2, "signal_to_noise": 3.0, "retained_projection": 0.9, "expected_flip_rate": 0.2}},
    "relearning": {"forget_only_5": {"steps": [0.0, 1.0, 2.0], "accuracy": [0.1, 0.4, 0.8]}},
}  # fmt: skip
HOSTILE = "<script>alert(1)</script>\"'&\n\u202e\x00"


def whole(name: str = "scrub") -> list[Record]:
    """A study whose records hold every curve."""
    noise = {"recovery.accuracy_rounded": Measured(0.2), "recovery.accuracy_beside_noise": Measured(0.05)}
    return [
        replace(
            r,
            case=replace(r.case, unlearner=name if r.case.unlearner == "scrub" else r.case.unlearner),
            curves=CURVES,
            values=r.values | noise,
            data={"classes": [name, "b"]},
            images_read={"train": 100, "unlearn": 100 if r.case.unlearner == "retrain" else 25},
        )
        for r in study(3, ("none", "int:bits=4", "float8"))
    ]


def drawn(figure: str, records: list[Record]) -> list[Figure]:
    return figures_named(figure, over_seeds(records))


def test_the_list_is_the_folder() -> None:
    folder = Path(__file__).parents[2] / "src" / "canforget" / "report" / "figures"
    assert sorted(FIGURES) == sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__")


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("unlearner", ["scrub", HOSTILE])
def test_every_figure_is_well_formed_and_has_its_words_and_its_data(name: str, unlearner: str) -> None:
    for figure in drawn(name, whole(unlearner)):
        assert figure.panels
        assert figure.says.endswith(".")
        assert figure.rows
        assert all(len(row) == len(figure.head) for row in figure.rows)
        assert all(panel.says for panel in figure.panels)
        for markup in (figure.drawing(), *(panel_svg(p, "k") for p in figure.panels)):
            found = ElementTree.fromstring(markup)
            assert not [e for e in found.iter() if e.tag.endswith("script")]


@pytest.mark.parametrize("name", FIGURES)
def test_what_is_not_recorded_says_how_to_record_it(name: str) -> None:
    bare = [replace(r, values={"test.accuracy": Measured(0.5)}) for r in study(2)]
    (figure,) = drawn(name, bare)
    assert not figure.panels
    assert "run" in figure.note


def test_an_unknown_figure_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(SpecError, match="did you mean 'price'"):
        drawn("prise", whole())


def test_recovery_holds_means_by_format_and_noise_in_the_place_of_rounding() -> None:
    figure = drawn("recovery_by_bits", whole())[0]
    assert figure.title == "Accuracy on the forget set"
    assert figure.head == ("model", "float32", "int4", "float8")
    rows = {row[0]: row[1:] for row in figure.rows}
    assert rows["original"][0].startswith(".981")
    assert rows["scrub, noise"] == (".150 ± .000",) * 3


def test_cost_is_told_in_images_read_relative_to_retraining() -> None:
    (figure,) = drawn("price", whole())
    assert {row[4] for row in figure.rows} == {"0.25"}
    old = [replace(r, images_read={}) for r in whole()]
    (figure,) = drawn("price", old)
    assert "not recorded" in figure.says
    assert {row[4] for row in figure.rows} == {"–"}


points = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=8)


@given(points)
def test_the_front_is_what_no_other_beats(places: list[tuple[int, int]]) -> None:
    """Sorted from near to far, each must keep more than every nearer one."""
    found = front([Paid(str(k), r, Summary(kept, None, 1), None, None) for k, (r, kept) in enumerate(places)])
    edge = sorted({(abs(p.residue), p.kept.mean) for p in found})
    assert all(near[0] < far[0] and near[1] < far[1] for near, far in pairwise(edge))
    for residue, kept in places:
        assert any(abs(p.residue) <= abs(residue) and p.kept.mean >= kept for p in found)


def test_a_quantile_of_counts_is_the_middle_of_its_bin() -> None:
    assert [quantile([0.0, 1.0, 2.0, 3.0], [1, 1, 2], share) for share in (0.1, 0.5, 0.9)] == ["0.50", "1.50", "2.50"]


def test_classes_are_named_as_the_records_name_them() -> None:
    (figure,) = drawn("accuracy_by_class", whole("cat"))
    assert [row[1] for row in figure.rows] == ["cat", "b"]
    assert figure.rows[0][-1] == "25.0"


def test_no_cost_is_cut_off_at_the_right_end_of_its_panel() -> None:
    """The dearest to the right of all lost half of its figure."""
    (figure,) = drawn("price", load_records(Path(__file__).parents[2] / "results" / "memory_class"))
    for panel in figure.panels:
        root = ElementTree.fromstring(f"<svg>{panel.content}</svg>")
        costs = [t for t in root.iter("text") if (t.text or "").endswith("×")]
        assert costs
        assert all(t.get("text-anchor") == "end" or float(t.get("x", 0)) + 35 <= panel.width for t in costs)
