"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

AIIDA_FOLDER = tempfile.TemporaryDirectory(prefix="aiida-polymorph-tests-")
os.environ["AIIDA_PATH"] = AIIDA_FOLDER.name  # before anything imports aiida, which would make ~/.aiida
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # verdi, for the daemon

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """The published reference data, where this checkout lies beside it."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference data is not there: a folder shared/reference beside the checkout")
    return REFERENCE
