"""For tests of DFT scans: the phases, the stand-in for CASTEP as a code, its failures, and tables of points."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from aiida import orm
from aiida.engine import ProcessBuilder, run_get_node
from aiida.manage import get_manager

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import primitive_cell

STAND_IN = Path(__file__).parent / "stand_ins" / "castep.py"


def phases_of(names: Iterable[str], home_gpa: Mapping[str, float] | None = None) -> StructureSetData:
    """Return phases of TiO2, in their primitive cells, as a node."""
    references = load_references("TiO2")
    known = dict(zip(references.columns["name"].tolist(), references, strict=True))
    names = list(names)
    columns: dict[str, Any] = {"name": names}
    if home_gpa:
        columns["pressure_gpa"] = [home_gpa.get(name, np.nan) for name in names]
    return StructureSetData.from_set(StructureSet.from_atoms([primitive_cell(known[name]) for name in names], columns))


def castep_code(
    computer: orm.Computer, folder: Path, failures: Iterable[tuple[str, str, int]] = ()
) -> orm.InstalledCode:
    """Return the stand-in for CASTEP as a code whose runs fail as asked: comment, failure, how often."""
    asked = folder / "failures.json"
    keys = ("comment", "failure", "times")
    asked.write_text(json.dumps([dict(zip(keys, each, strict=True)) for each in failures]))
    path = folder / "castep"
    environment = f"OMP_NUM_THREADS=1 CASTEP_STAND_IN_FAILURES={asked}"
    path.write_text(f'#!/bin/sh\nexport {environment}\nexec {sys.executable} {STAND_IN} "$@"\n')
    path.chmod(0o755)
    code = orm.InstalledCode(
        computer, str(path), label=f"castep-{uuid4().hex}", default_calc_job_plugin="castep.castep", with_mpi=False
    )
    return code.store()


def run(builder: ProcessBuilder) -> orm.WorkChainNode:
    """Run a scan in this process, looking for ended children often, and return its node."""
    get_manager().get_runner()._poll_interval = 0.05
    return run_get_node(builder)[1]


def calculations(scan: orm.ProcessNode) -> list[orm.CalcJobNode]:
    """Return the jobs of a scan, in the order in which they were made."""
    jobs = [node for node in scan.called_descendants if isinstance(node, orm.CalcJobNode)]
    return sorted(jobs, key=lambda job: job.pk)
