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

LENNARD_JONES = {
    "name": "lennard-jones",
    "backend": "ase",
    "species": ["Ar"],
    "calculator": "ase.calculators.lj.LennardJones",
    "arguments": {"sigma": 3.4, "epsilon": 0.0104, "rc": 8.0},
}

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """The published reference data, where this checkout lies beside it."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference data is not there: a folder shared/reference beside the checkout")
    return REFERENCE


@pytest.fixture
def relax_code(aiida_code_installed):
    """This Python as the code of relaxations."""
    return aiida_code_installed(label="relax", filepath_executable=sys.executable)


@pytest.fixture
def lennard_jones():
    """A potential of argon as a node, for ASE: quick to start."""
    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.potential import Potential

    return PotentialData.from_potential(Potential.from_dict(LENNARD_JONES))
