"""What an audit's record says of the code that computed and judged it."""

from canforget.registry import PACKAGE
from canforget.report.room_versions import JUDGES, ROOMS, rooms_told


def test_every_room_is_told_with_its_version_and_is_there() -> None:
    """A room that was renamed would keep its version and be watched by nobody."""
    assert rooms_told().split(", ") == [f"{name} {version}" for name, version in ROOMS.items()]
    assert all((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file() for name in ROOMS)
    assert all((PACKAGE / name).is_file() for name in JUDGES)
