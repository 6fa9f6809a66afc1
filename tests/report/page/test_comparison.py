"""The table puts retrained models first, keeps problems and formats apart, and says on which side of the band a row lies."""

from typing import Any

from canforget.report.judgment import with_verdicts
from canforget.report.page.comparison import TableGroup, columns_there, table_groups
from canforget.report.record import Label, Record, over_seeds
from tests.report.test_judgment import study


def grouped(records: list[Record]) -> list[TableGroup]:
    return table_groups(over_seeds(records), columns_there(records))


def test_retrained_models_come_first_in_every_group() -> None:
    found = grouped(with_verdicts(study(3, ("none", "int:bits=4"))))
    assert [(g.format, [r.name for r in g.rows]) for g in found] == [(f, ["retrained", "original", "scrub"]) for f in ("float32", "int4")]


def test_a_row_off_the_band_says_on_which_side() -> None:
    """The band is that of one more retrained model."""
    for change, side in ((0.4, "above"), (-0.4, "below"), (0.0, "")):
        changes: Any = {"membership__phi": 0.5 + change}
        (group,) = grouped(study(3, **changes))
        place = [c.name for c in columns_there(study(3))].index("membership.phi")
        assert group.rows[2].cells[place].side == side
        assert group.rows[0].cells[place].side == ""


def test_one_seed_has_no_band() -> None:
    (group,) = grouped(study(1))
    assert all(cell.band is None and cell.side == "" for row in group.rows for cell in row.cells)


def test_a_row_that_was_not_run_says_why() -> None:
    (group,) = grouped([*study(2), Record(Label("d", "m", "whole_class:classes=3", "ssd", "none", 1), not_run="nothing selected")])
    assert (group.rows[3].not_run, group.rows[3].cells) == ("seed 1: nothing selected", ())
