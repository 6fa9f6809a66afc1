from pathlib import Path
from typing import Any

import pytest

from canforget.data import memory_limit as rules
from canforget.data.memory_limit import memory_limit


def lay(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": "0::/job/step\n", "sys/fs/cgroup/job/memory.max": "300\n", "sys/fs/cgroup/job/step/memory.max": "max\n"}, 300),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "400\n"}, 400),
        ({"proc/self/cgroup": "5:cpu:/\n4:memory:/job\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "500\n"}, 500),
        ({"proc/self/cgroup": "4:memory:/job\n", "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "200", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, 200),
    ],
)  # fmt: skip
def test_the_least_limit_of_a_control_group_or_one_around_it_counts(tmp_path: Path, files: Any, expected: int) -> None:
    """In a container of 512 MB on a machine of 500 GB a process is killed at 512 MB."""
    assert memory_limit(lay(tmp_path, files)) == expected


def test_without_control_groups_the_machine_is_the_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) == min([*rules.of_the_machine(), *rules.of_resources()])


def test_a_resource_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (7_000, 9_000) if which == resource.RLIMIT_DATA else (-1, -1))
    assert memory_limit(tmp_path) == 7_000


def test_a_machine_that_tells_nothing_is_taken_for_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "of_the_machine", lambda: iter(()))
    monkeypatch.setattr(rules, "of_resources", lambda: iter(()))
    assert memory_limit(tmp_path) == rules.UNKNOWN
