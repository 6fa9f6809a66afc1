"""The benchmark of a GPU refuses to measure a CPU."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

PATH = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to measure")
def test_without_a_gpu_nothing_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = subprocess.run([sys.executable, str(PATH), "--out", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "benchmarks/gpu.py: no CUDA device is available here, and figures of a CPU are in results/speed.json; run it where there is one"
    ]
    assert not out.exists()
