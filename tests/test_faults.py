"""A small part of the campaign of faults; the whole of it: python benchmarks/faults.py."""

import json
import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).parents[1] / "benchmarks" / "faults.py"


def test_kills_and_damaged_files_change_no_record_and_all_damage_is_named() -> None:
    """Of 72 damaged artifacts 20 gave other records without a word, and 10 a traceback."""
    command = [sys.executable, str(CAMPAIGN), "--kills", "1", "--damage", "6", "--seed", "7", "--engines", "serial"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["damage"]["damaged"] == 6
    assert not found["damage"]["not_named"] + found["damage"]["with_other_records"]
    assert found["serial"]["kills"] == {"driver": 1}
    assert found["serial"]["with_other_records"] == 0
