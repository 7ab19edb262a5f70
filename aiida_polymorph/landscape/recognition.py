"""Which known phase a crystal is: what a phase that does not last has turned into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from aiida_polymorph.landscape.fingerprints import compute_fingerprints
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import primitive_cell, space_group

SYMPREC = 0.1
"""angstrom: crystals quenched from molecular dynamics are on their symmetric places as well as that."""

LARGEST_DISTANCE = 0.06
"""Between fingerprints of one phase at different pressures, brought to one volume: TiO2 from 0 to 60 GPa has 0.058."""


@dataclass(frozen=True)
class Recognition:
    """What a crystal is.

    Attributes:
        name: of the phase, "" if it is none of those it was compared with.
        space_group: international symbol, "P1" for a disordered one.
        nearest: name of the phase whose fingerprint is nearest, whatever its space group; "" if there was none.
        distance: of the fingerprints to that one; nan if there was none.
    """

    name: str
    space_group: str
    nearest: str = ""
    distance: float = float("nan")

    @property
    def text(self) -> str:
        """Name for people."""
        if self.name:
            return self.name
        kind = "something without symmetry" if self.space_group == "P1" else f"an unknown phase, {self.space_group}"
        return f"{kind}, most like {self.nearest} (distance {self.distance:.2f})" if self.nearest else kind


def recognise(atoms: Atoms, phases: StructureSet | None, symprec: float = SYMPREC) -> Recognition:
    """Return which of several phases a crystal is: of the same space group, and with nearly the same fingerprint.

    Args:
        atoms: the crystal, any cell of it.
        phases: what it is compared with, names in the column `phase` or else `name`; None for nothing. They are
            scaled to the crystal's volume per atom, so that they may come from another pressure.
        symprec: how far atoms may lie from their symmetric places, angstrom.
    """
    group = space_group(atoms, symprec) or "P1"
    if phases is None or not len(phases) or set(atoms.get_chemical_symbols()) - set(phases.species):
        return Recognition("", group)
    crystal = primitive_cell(atoms, symprec) if group != "P1" else None
    crystal = atoms if crystal is None else crystal
    volume = crystal.get_volume() / len(crystal)
    known = [_scaled(phases[number], volume) for number in range(len(phases))]
    features = compute_fingerprints(StructureSet.from_atoms([*known, crystal]))
    distances = np.sqrt(np.maximum(2 - 2 * features[:-1] @ features[-1], 0.0))
    names = phases.column("phase", "") if "phase" in phases.columns else phases.column("name", "")
    order = np.argsort(distances, kind="stable")
    near = [i for i in order if distances[i] < LARGEST_DISTANCE and space_group(known[i], symprec) == group]
    first = int(order[0])
    return Recognition(str(names[near[0]]) if near else "", group, str(names[first]), float(distances[first]))


def _scaled(atoms: Atoms, volume: float) -> Atoms:
    """Return a crystal with another volume per atom, angstrom^3."""
    scaled = atoms.copy()
    scaled.set_cell(scaled.cell * (volume * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    return scaled
