"""A small part of the campaign of faults; the whole of it: python benchmarks/faults.py."""

import json
import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).parents[1] / "benchmarks" / "faults.py"


def test_kills_and_damaged_files_change_no_record_and_all_damage_is_named(tmp_path: Path) -> None:
    """Of 72 damaged artifacts 20 gave other records without a word, 10 a traceback; deleted ones were made again without a word."""
    command = [sys.executable, str(CAMPAIGN), "--only", "driver_killed", "files_damaged", "--trials", "1", "--seed", "7"]
    state = ["--state", str(tmp_path / "faults.jsonl")]
    found = json.loads(subprocess.run([*command, *state], capture_output=True, text=True, check=True).stdout)
    assert (found["studies"], found["damaged"]) == (2, 12)
    assert found["killed"] > 0
    assert not any(found["wrong"].values()), found["trials_that_were_wrong"]
