"""The notebook of examples/, executed from its first cell to its last."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def written():
    return nbformat.read(EXAMPLES / "walkthrough.ipynb", as_version=4)


def said(notebook):
    """All that the cells print and show, as text."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts.append(output.get("text") or "")
            parts += output.get("data", {}).values()
    return "\n".join(str(part) for part in parts)


def test_the_notebook_is_stored_executed(written):
    cells = [cell for cell in written.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)


def test_the_notebook_runs_to_its_end(written, tmp_path):
    notebook = nbformat.from_dict(written)
    for cell in notebook.cells:
        # What it leaves goes elsewhere than where a reader's own run does.
        cell.source = cell.source.replace("../results", str(tmp_path))
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": EXAMPLES}}
    )
    client.execute()
    shown = said(notebook)
    assert "Verdict: rounding" in shown
    assert "db4: at most 0\n" in shown
    assert "as written: right" in shown
    assert "not divided by the batch size 900: a sum for a mean" in shown
    assert "Is it right? Yes." in shown
    assert "image/png" in str(notebook.cells)
    assert (tmp_path / "walkthrough" / "report.html").exists()
