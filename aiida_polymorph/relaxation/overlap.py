"""Whether a structure, wherever it comes from, can be given to an electronic-structure code."""

from __future__ import annotations

from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from aiida_polymorph.relaxation.driver.plausibility import implausible, shortest_distance

OVERLAP = 0.5
"""Part of the sum of the covalent radii below which atoms overlap; bonds at 100 GPa are at about 0.8."""


def structure_problem(atoms: Atoms) -> str:
    """Return what makes a structure unfit to be computed, "" if nothing.

    Atoms overlap where they are nearer than half the sum of their covalent radii (ASE's, of Cordero et al., Dalton
    Trans. 2832 (2008)).
    """
    problem = implausible(atoms.positions, atoms.cell.array)
    if problem:
        nearest = shortest_distance(atoms.positions, atoms.cell.array)
        return f"{problem} (shortest distance {nearest:.2f} angstrom)"
    radii = OVERLAP * covalent_radii[atoms.numbers]
    first, second, distances = neighbor_list("ijd", atoms, radii)
    if not len(distances):
        return ""
    worst = distances.argmin()
    pair = " and ".join(sorted((atoms.symbols[first[worst]], atoms.symbols[second[worst]])))
    return f"atoms overlap: {pair} are {distances[worst]:.2f} angstrom apart, less than half of a covalent bond"
