"""Enthalpies and basin entropies of phases, from an analysis or from a file that `export` made of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida import orm

from aiida_polymorph.formats import read_structures
from aiida_polymorph.potential import Potential
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials


def potentials_of_file(path: str | Path) -> tuple[ChemicalPotentials, str]:
    """Return the phases in a file, and their composition.

    The file doesn't tell how errors of entropies are correlated: they count as independent.

    Raises:
        ValueError: if it has no basin entropies, pressures or enthalpies, or a phase twice at one pressure.
    """
    structures = read_structures(path)
    entropy = structures.column("basin_entropy_kb")
    usable = (
        np.isfinite(entropy)
        & np.isfinite(structures.column("pressure_gpa"))
        & np.isfinite(structures.enthalpy_per_formula_unit)
    )
    if not usable.any():
        raise ValueError(
            f"{path} holds no phase with basin entropy, enthalpy and pressure; `aiida-polymorph export ANALYSIS -o "
            "FILE.extxyz` writes such a file"
        )
    found = structures.select(usable)
    return table_of(found, str(path)), found.composition


def table_of(phases: StructureSet, source: str) -> ChemicalPotentials:
    """Return phases as chemical potentials; what is not there is absent.

    Args:
        phases: one structure for each phase and pressure, with the columns of `results.phase_set`.
        source: of the phases, for messages.

    Raises:
        ValueError: if a phase is there twice at one pressure.
    """
    labels = [phase_of(*each) for each in zip(phases.column("phase", ""), phases.column("name", ""), strict=True)]
    names, rows = np.unique(labels, return_inverse=True)
    pressures, columns = np.unique(phases.column("pressure_gpa"), return_inverse=True)
    places, times = np.unique(np.stack([rows, columns]), axis=1, return_counts=True)
    if times.max() > 1:
        name, pressure = names[places[0, times.argmax()]], pressures[places[1, times.argmax()]]
        raise ValueError(f"{source} holds phase {name} at {pressure:g} GPa more than once")
    shape = (len(names), len(pressures))

    def filled(values: np.ndarray, otherwise: float) -> np.ndarray:
        result = np.full(shape, otherwise)
        result[rows, columns] = values
        return result

    errors = filled(np.nan_to_num(phases.column("basin_entropy_error_kb")), 0.0)
    method = np.full(shape, "absent")
    method[rows, columns] = "basin"
    return ChemicalPotentials(
        names=tuple(str(name) for name in names),
        pressures_gpa=pressures,
        enthalpy=filled(phases.enthalpy_per_formula_unit, np.nan),
        enthalpy_error=np.zeros(shape),
        entropy=filled(phases.column("basin_entropy_kb"), np.nan),
        entropy_covariance=np.stack([np.diag(column**2) for column in errors.T]),
        volume=filled(phases.volume_per_formula_unit, np.nan),
        method=method,
    )


def phase_of(phase: object, name: object) -> str:
    """Return the phase's name: as it is given, else what is before `@` in the structure's name."""
    return str(phase) or str(name).partition("@")[0]


def potentials_of_analysis(analysis: orm.ProcessNode) -> tuple[ChemicalPotentials, str, Potential | None]:
    """Return the phases of an analysis, their composition, and the potential it was made with, None if unknown."""
    relax = analysis.inputs.relax if "relax" in analysis.inputs else {}
    potential = relax["potential"].to_potential() if "potential" in relax else None
    return analysis.outputs.chemical_potentials.to_potentials(), analysis.outputs.phases.to_set().composition, potential
