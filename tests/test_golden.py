"""A component's meaning may not change without its version: else results of its former self would be reused."""

import json
import os
from pathlib import Path

from canforget.registry import FAMILIES, find, names

GOLDEN = Path(__file__).parent / "golden.json"


def current():
    return {f"{f}/{n}": [find(f, n).version, find(f, n).fingerprint] for f in FAMILIES for n in names(f) if "/" not in n}


def test_a_component_changes_its_version_when_its_code_changes():
    """After raising `version=` (or for a change that cannot alter a result): CANFORGET_GOLDEN=write pytest tests/test_golden.py"""
    if os.environ.get("CANFORGET_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n")
    known = json.loads(GOLDEN.read_text())
    changed = [
        name for name, (version, code) in current().items() if name in known and known[name][1] != code and known[name][0] == version
    ]
    assert not changed, f"raise version= of {changed}, or renew the golden file if no result can differ"
    assert known.keys() == current().keys(), "a component came or went: renew the golden file"
