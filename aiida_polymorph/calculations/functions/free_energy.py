"""Calcfunctions on the way to a free energy."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from ase import Atoms

from aiida_polymorph.calculations.dynamics import POSITIONS
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.lammps.tasks import make_settings
from aiida_polymorph.plain import plain
from aiida_polymorph.thermodynamics.free_energy.assembly import (
    assemble,
    digest_phonons,
    in_lammps_frame,
    minimised,
    phonon_cells,
    relaxation_reason,
)
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import own_springs
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN, FreeEnergy
from aiida_polymorph.thermodynamics.free_energy.routes import digest_springs, digest_switching, draws
from aiida_polymorph.thermodynamics.sampling.equilibration import Equilibration, digest_equilibration
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.sampling.supercell import near_cubic_supercell
from aiida_polymorph.versioned import calcfunction

SCALARS = ("volume_spread", "mean_squares", "shift", "lindemann", "strain", "reason", "steps")


def parameters_of(node: orm.Dict) -> FreeEnergyParameters:
    """Return the parameters in a node."""
    return FreeEnergyParameters.from_dict(node.get_dict())


def structure_node(atoms: Atoms) -> orm.StructureData:
    """Return an unstored node of a crystal."""
    return orm.StructureData(ase=Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True))


@calcfunction
def make_supercell(structure: orm.StructureData, parameters: orm.Dict) -> orm.StructureData:
    """Return a near-cubic supercell of about the number of atoms asked for."""
    asked = parameters_of(parameters)
    return structure_node(near_cubic_supercell(structure.get_ase(), asked.target_atoms, asked.symprec).atoms)


@calcfunction
def take_minimum(crystal: orm.StructureData, results: RecordData) -> dict[str, orm.Data]:
    """Return the crystal relaxed at 0 K, and in `summary` its energy and why it is another one, if it is."""
    before = crystal.get_ase()
    after, energy = minimised(before, results.to_arrays())
    summary = {"energy_ev": energy, "reason": relaxation_reason(before, after)}
    return {"crystal": structure_node(after), "summary": orm.Dict(plain(summary))}


@calcfunction
def take_equilibration(
    crystal: orm.StructureData, minimum: orm.Dict, results: RecordData, parameters: orm.Dict
) -> dict[str, orm.Data]:
    """Return the crystal in its mean cell, and in `summary` what dynamics at constant pressure told."""
    found = equilibration_of(crystal, minimum, results, parameters_of(parameters))
    summary = {name: getattr(found, name) for name in SCALARS}
    summary |= {"volume": list(found.volume), "enthalpy": list(found.enthalpy)}
    return {"crystal": structure_node(found.atoms), "summary": orm.Dict(plain(summary))}


def equilibration_of(
    crystal: orm.StructureData, minimum: orm.Dict, results: RecordData, asked: FreeEnergyParameters
) -> Equilibration:
    """Return what a run at constant pressure tells."""
    return digest_equilibration(
        crystal.get_ase(),
        results.to_arrays(),
        asked.temperature,
        asked.pressure_gpa,
        minimum["energy_ev"],
        asked.equilibrate_settings().total_steps,
    )


def load_equilibration(crystal: orm.StructureData, summary: orm.Dict) -> Equilibration:
    """Return the equilibration that `take_equilibration` gave."""
    estimates = {name: Estimate(*summary[name]) for name in ("volume", "enthalpy")}
    return Equilibration(atoms=crystal.get_ase(), **estimates, **{name: summary[name] for name in SCALARS})


def springs_of(summary: orm.Dict, asked: FreeEnergyParameters) -> dict[str, float]:
    """Return the springs with the crystal's own displacements, eV/angstrom^2."""
    return own_springs(summary["mean_squares"], asked.temperature)


@calcfunction
def draw_positions(crystal: orm.StructureData, equilibration: orm.Dict, parameters: orm.Dict) -> orm.ArrayData:
    """Return the perfect crystal and positions drawn from the ideal Einstein crystal."""
    asked = parameters_of(parameters)
    drawn = draws(crystal.get_ase(), springs_of(equilibration, asked), asked.temperature, asked.seed)
    return orm.ArrayData({POSITIONS: drawn})


@calcfunction
def displace(crystal: orm.StructureData, parameters: orm.Dict) -> dict[str, orm.Data]:
    """Return phonopy's supercell and the positions for which it needs forces."""
    _, _, supercell, positions = phonon_cells(crystal.get_ase(), parameters_of(parameters).symprec)
    turned = in_lammps_frame(supercell, positions)
    return {"supercell": structure_node(supercell), "displaced": orm.ArrayData({POSITIONS: turned})}


@calcfunction
def combine(
    parameters: orm.Dict,
    potential: PotentialData,
    crystal: orm.StructureData,
    minimum: orm.Dict,
    equilibrated: orm.StructureData,
    equilibration: orm.Dict,
    forces: RecordData,
    **runs: orm.Data,
) -> FreeEnergyData:
    """Return the Gibbs energy.

    Args:
        parameters: what was asked.
        potential: gives the charges.
        crystal: in the mean cell, positions minimised.
        minimum: its energy.
        equilibrated: the crystal in the mean cell as it came from dynamics.
        equilibration: what else came from there.
        forces: on displaced supercells.
        runs: `settings_00`, `results_00`, ... of the route, and `energies` of drawn positions.
    """
    asked, atoms = parameters_of(parameters), crystal.get_ase()
    outcome = outcome_of(atoms, asked.method, runs)
    charges = potential.to_potential().charges
    phonons = digest_phonons(atoms, forces.get_array("forces__values"), charges, asked.symprec)
    found = assemble(
        asked, load_equilibration(equilibrated, equilibration), atoms, minimum["energy_ev"], outcome, phonons
    )
    return FreeEnergyData.from_free_energy(found, outcome.curve)


@calcfunction
def refuse(parameters: orm.Dict, structure: orm.StructureData, summary: orm.Dict) -> FreeEnergyData:
    """Return the Gibbs energy of a phase that does not last: no number, and the reason."""
    asked = parameters_of(parameters)
    supercell = near_cubic_supercell(structure.get_ase(), asked.target_atoms, asked.symprec).atoms
    found = FreeEnergy(
        temperature=asked.temperature,
        pressure_gpa=asked.pressure_gpa,
        method=asked.method,
        convention=asked.convention,
        finite_size="none",
        terms={},
        atoms=len(supercell),
        steps=summary.get("steps", 0),
        volume=UNKNOWN,
        reason=summary["reason"],
    )
    return FreeEnergyData.from_free_energy(found, became=summary.get("became"))


def runs_of(runs: dict[str, Any]) -> list[tuple[Any, dict[str, np.ndarray]]]:
    """Return settings and results of the runs of a route, in their order."""
    numbers = sorted(name.removeprefix("results_") for name in runs if name.startswith("results_"))
    settings = {number: runs[f"settings_{number}"] for number in numbers}
    return [
        (make_settings(settings[n]["task"], settings[n]["settings"]), runs[f"results_{n}"].to_arrays()) for n in numbers
    ]


def outcome_of(atoms: Atoms, method: str, runs: dict[str, Any]) -> Any:
    """Return the outcome of a route."""
    if method == "switching":
        return digest_switching(atoms, runs_of(runs))
    return digest_springs(atoms, runs_of(runs), runs["energies"].get_array("energies__energy"))[0]
