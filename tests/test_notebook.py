from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "pipeline.ipynb"


@pytest.mark.filterwarnings("default")
def test_the_notebook_runs_from_top_to_bottom_and_writes_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The predecessor's wish in one place: lists in, JSON of all combinations out."""
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # small nets on several threads wait for one another
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    lists = notebook.cells[1]
    lists.source = lists.source.replace('["finetune", "neggrad_plus", "salun", "scrub"]', '["finetune"]').replace(
        '"float8", "int:bits=3"', '"int:bits=3"'
    )
    assert '["finetune"]' in lists.source
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert len(list((tmp_path / "pipeline-results" / "cases").glob("[0-9a-f]*.json"))) == 2 * 3 * 3 * 2
    assert any("image/png" in o.get("data", {}) for c in notebook.cells if c.cell_type == "code" for o in c.outputs)
