"""From the runs of a phase to its Gibbs energy: what follows from each of them, and the sum of the terms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.results import part
from aiida_polymorph.lammps.system import turn_to_frame
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.symmetry import unturned_primitive_cell
from aiida_polymorph.thermodynamics.free_energy.outcome import Outcome
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import (
    FreeEnergy,
    logarithmic_correction,
    wavelength_term,
)
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import (
    Phonons,
    bulk_free_energy,
    displaced_positions,
    phonons_from_forces,
    quantum_correction,
    supercell_free_energy,
)
from aiida_polymorph.thermodynamics.sampling.equilibration import Equilibration
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import GPA, KB

TOLERANCE = 1.001
"""An error is as wanted up to this factor."""

LOGARITHM_DOUBT = 0.2
"""Part of the logarithmic finite-size term that may be wrong: what it is off by for phases whose phonons are known."""

LARGEST_DRIFT = 1.5
"""Mean-square displacements under weak springs over those without, which are larger in a crystal that stays."""


def minimised(atoms: Atoms, arrays: Mapping[str, np.ndarray]) -> tuple[Atoms, float]:
    """Return the crystal after the task `minimise`, and its energy in eV of the whole cell."""
    dump = part(arrays, "minimum")
    crystal = Atoms(atoms.numbers, positions=dump["values"][-1], cell=dump["cell"][-1], pbc=True)
    return crystal, float(part(arrays, "energies")["energy"][-1])


def final_crystal(atoms: Atoms, arrays: Mapping[str, np.ndarray]) -> Atoms:
    """Return the atoms where the task `equilibrate` left them at constant pressure."""
    dump = part(arrays, "final")
    return Atoms(atoms.numbers, positions=dump["values"][-1], cell=dump["cell"][-1], pbc=True)


def phonon_cells(crystal: Atoms, symprec: float = 0.01) -> tuple[Atoms, np.ndarray, Atoms, np.ndarray]:
    """Return primitive cell, supercell matrix, phonopy's supercell and its displaced positions.

    Phonopy orders atoms in its own way, so that the supercell is another node than the crystal; it is the same crystal.
    """
    primitive = unturned_primitive_cell(crystal, symprec)
    matrix = np.rint(np.asarray(crystal.cell) @ np.linalg.inv(np.asarray(primitive.cell))).astype(int)
    supercell, positions = displaced_positions(primitive, matrix)
    return primitive, matrix, supercell, positions


def in_lammps_frame(supercell: Atoms, positions: np.ndarray) -> np.ndarray:
    """Return positions (frames, N, 3) turned as `lammps.system.lammps_frame` turns their supercell."""
    return positions @ turn_to_frame(np.asarray(supercell.cell))[1].T


def digest_phonons(crystal: Atoms, forces: np.ndarray, charges: Mapping[str, float], symprec: float = 0.01) -> Phonons:
    """Return the phonons from forces on the supercells of `phonon_cells`, in LAMMPS's frame, eV/angstrom."""
    primitive, matrix, supercell, _ = phonon_cells(crystal, symprec)
    _, turn = turn_to_frame(np.asarray(supercell.cell))
    return phonons_from_forces(primitive, matrix, forces @ turn, charges)


def drift_reason(outcome: Outcome) -> str:
    """Return why the crystal did not stay one while springs held it, "" if it did."""
    drift = outcome.checks.get("drift", 0.0)
    if drift < LARGEST_DRIFT:
        return ""
    return f"drifted on the springs: mean-square displacements are {drift:.1f} times those without springs"


def finite_size_term(
    crystal: Atoms, phonons: Phonons | None, temperature: float, wanted: str
) -> tuple[Estimate, str, tuple[str, ...]]:
    """Return the finite-size term in eV per formula unit, how it was found, and remarks."""
    if wanted == "none":
        return Estimate(0.0, 0.0), "none", ()
    remarks: tuple[str, ...] = ()
    if wanted == "phonons" and phonons is not None:
        per_atom = bulk_free_energy(phonons, temperature) - supercell_free_energy(phonons, temperature)
        if np.isfinite(per_atom):
            return Estimate(per_atom * len(crystal) / formula_units_of(crystal.numbers), 0.0), "phonons", ()
        share = max(phonons.soft_modes, phonons.soft_bulk)
        remarks = (f"{share:.2%} of the phonons are imaginary: the finite-size term is 2 kB T ln(N)/N instead",)
    value = logarithmic_correction(crystal, temperature)
    return Estimate(value, LOGARITHM_DOUBT * value), "logarithm", remarks


def convention_terms(
    crystal: Atoms, phonons: Phonons | None, parameters: FreeEnergyParameters
) -> tuple[dict[str, Estimate], tuple[str, ...]]:
    """Return the terms by which a convention differs from `unit`, and remarks."""
    if parameters.convention == "unit":
        return {}, ()
    terms = {"wavelengths": Estimate(wavelength_term(crystal, parameters.temperature), 0.0)}
    if parameters.convention == "mass":
        return terms, ()
    per_atom = quantum_correction(phonons, parameters.temperature) if phonons is not None else np.nan
    if not np.isfinite(per_atom):
        return terms, ("the quantum correction is left out: the phonons are imaginary or unknown",)
    value = per_atom * len(crystal) / formula_units_of(crystal.numbers)
    return {**terms, "quantum": Estimate(value, 0.0)}, ()


def assemble(
    parameters: FreeEnergyParameters,
    equilibration: Equilibration,
    crystal: Atoms,
    static: float,
    outcome: Outcome,
    phonons: Phonons | None,
) -> FreeEnergy:
    """Return the Gibbs energy of a phase by a Frenkel-Ladd route.

    Args:
        parameters: what was asked.
        equilibration: at temperature and pressure.
        crystal: the perfect crystal in the mean cell, positions minimised.
        static: its energy with the accurate commands, eV of the whole cell.
        outcome: of the route.
        phonons: of the crystal; None where no term needs them.
    """
    units = formula_units_of(crystal.numbers)
    finite, how, remarks = finite_size_term(crystal, phonons, parameters.temperature, parameters.finite_size)
    extra, more = convention_terms(crystal, phonons, parameters)
    # A + P V is lowest at the mean cell: an error of the cell by its own spread costs kB T / 2 for a degree of freedom.
    relative = (equilibration.volume.error / equilibration.volume_spread) ** 2
    work = parameters.pressure_gpa * GPA * crystal.get_volume() / units
    terms = {
        "static": Estimate(static / units, 0.0),
        **outcome.terms,
        "pressure_volume": Estimate(work, 3 * KB * parameters.temperature * relative / units),
        "finite_size": finite,
        **extra,
    }
    found = FreeEnergy(
        temperature=parameters.temperature,
        pressure_gpa=parameters.pressure_gpa,
        method=parameters.method,
        convention=parameters.convention,
        finite_size=how,
        terms=terms,
        atoms=len(crystal),
        steps=outcome.steps + equilibration.steps,
        volume=equilibration.volume,
        enthalpy=equilibration.enthalpy,
        reason=equilibration.reason or drift_reason(outcome),
        remarks=(*remarks, *more),
        checks=outcome.checks,
    )
    if found.error > parameters.target_error * TOLERANCE and not found.reason:
        note = (
            f"the error is above the {parameters.target_error:g} asked for, and no other run fits into what is left of "
            f"max_steps {parameters.max_steps}"
        )
        return found.with_remark(note)
    return found
