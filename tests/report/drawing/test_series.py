"""What figures read is what the records hold: means over seeds, formats in their order, curves at the same places."""

from dataclasses import replace

import pytest

from canforget.report.drawing.series import beside_references, curves_of, group_of, mean_curve, mean_of, ordered_formats, unlearned_models
from canforget.report.record import Record, over_seeds
from tests.report.test_judgment import study


def test_formats_go_from_wide_to_narrow_and_floats_stand_last() -> None:
    groups = over_seeds(study(1, ("float8", "int:bits=3", "int:bits=8", "none", "float4")))
    assert [f.label for f in ordered_formats(groups)] == ["none", "int:bits=8", "int:bits=3", "float8", "float4"]


def test_a_group_is_found_by_its_labels() -> None:
    groups = over_seeds(study(2, ("none", "int:bits=4")))
    assert [r.case.quantizer for r in group_of(groups, "scrub", "int:bits=4")] == ["int:bits=4"] * 2
    assert group_of(groups, "scrub", "int:bits=5") == ()
    found = mean_of(group_of(groups, "nothing", "none"), "forget.accuracy")
    assert found is not None
    assert found.mean == pytest.approx(0.9805)
    assert mean_of((), "forget.accuracy") is None


def test_controls_stand_last_and_out_of_panels_of_many() -> None:
    records = [*study(1), *(replace(r, case=replace(r.case, unlearner="destroyed")) for r in study(1) if r.case.unlearner == "scrub")]
    groups = over_seeds([records[-1], *records[:-1]])
    assert [u.label for u in unlearned_models(groups)] == ["scrub", "destroyed"]
    assert [label for label, _, _ in beside_references(groups)] == ["retrain", "nothing", "scrub"]


def test_curves_are_averaged_where_they_lie_at_the_same_places() -> None:
    def holding(*curves: object) -> list[Record]:
        return [replace(r, curves={"a": {"b": c}}) for r, c in zip(study(3), curves, strict=False)]

    records = holding({"x": [0, 1], "y": [0.0, 1.0]}, {"x": [0, 1], "y": [1.0, 1.0]}, {"not_run": "no"})
    assert mean_curve(curves_of(records, "a", "b"), "x", "y") == ([0, 1], [0.5, 1.0])
    assert mean_curve(curves_of(holding({"x": [0], "y": [3.0]}, {"x": [9], "y": [5.0]}), "a", "b"), "x", "y") == ([0], [3.0])
    assert curves_of(study(1), "a", "b") == []
