"""The notebook runs from top to bottom on a finished run."""

import warnings
from pathlib import Path

import nbformat
import pytest
from fixtures.patience import patient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "explore_run.ipynb"


def test_the_notebook_is_kept_without_results() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


# The kernel's messaging library warns of the event loop of a test run.
@pytest.mark.filterwarnings("ignore")
def test_the_notebook_reads_a_run(sample_run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbclient import NotebookClient

        notebook = nbformat.read(NOTEBOOK, as_version=4)
        parameters = next(
            cell
            for cell in notebook.cells
            if "parameters" in cell.metadata.get("tags", [])
        )
        parameters.source = f"RUN = {str(sample_run)!r}"
        NotebookClient(
            notebook, timeout=int(patient(120)), kernel_name="python3"
        ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 3
    printed = "".join(o.get("text", "") for o in outputs if o.output_type == "stream")
    assert "rows in the mix" in printed
    assert " bytes of http" in printed
    assert "deduplicate: duplicate_near" in printed or "filter_" in printed
