"""Potentials of other plugins as our own, with the link kept."""

from __future__ import annotations

from aiida import orm
from aiida_lammps.data.potential import LammpsPotentialData

from aiida_polymorph.data.lammps_potential import SETTINGS
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.versioned import calcfunction


@calcfunction
def convert_lammps_potential(potential: LammpsPotentialData, settings: orm.Dict) -> PotentialData:
    """Return a potential of aiida-lammps as one of this package.

    Args:
        potential: pair style, elements, units and text.
        settings: what that node can't know, by the names of `data.lammps_potential.SETTINGS`; may be empty.

    Raises:
        ValueError: if there is an unknown setting, charges are missing, or the potential can't be used.
    """
    given = settings.get_dict()
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise ValueError(f"settings: unknown key {', '.join(unknown)}; known are {', '.join(SETTINGS)}")
    return PotentialData.from_lammps_potential(potential, **given)
