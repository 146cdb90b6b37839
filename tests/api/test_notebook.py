"""The notebook in docs/ runs from top to bottom, and shows what it talks about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

NOTEBOOK = Path(__file__).parents[2] / "docs/python.ipynb"


def shown(cell: Any, kind: str) -> str:
    """What a cell shows of a kind, its prints included where that is text."""
    outputs = cell["outputs"]
    found = [output["data"].get(kind, "") for output in outputs if "data" in output]
    return "".join(found + [output["text"] for output in outputs if output["output_type"] == "stream"])


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_notebook_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "docs/python.ipynb is kept without outputs"
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first, head, *_ = code
    assert "6 to train" in shown(first, "text/plain") and "[1/6]" not in shown(first, "text/plain")
    assert "<table" in shown(head, "text/html")
    (again,) = [cell for cell in code if "again = " in cell.source]
    assert "all done already" in shown(again, "text/plain")
    (plot,) = [cell for cell in code if "run.plot()" in cell.source]
    assert shown(plot, "image/png")
    (report,) = [cell for cell in code if cell.source == "found"]
    assert shown(report, "text/html").count("<img") > 3
    assert "pool=avrg: must be one of avg, max; did you mean pool=avg?" in shown(code[-1], "text/plain")
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
