"""The convention of enthalpies, and the kinetic energy that it leaves out.

Everywhere in this package an enthalpy is the *configurational* one, H = <U> + P V, without the kinetic energy of
3/2 kB T for each atom: classical kinetic energies are the same for all phases, and configurations do not depend on
masses. The kinetic part is added in two places only: where a whole enthalpy is shown (`aiida-polymorph integrate`),
and in the equation of Gibbs and Helmholtz, H = G - T dG/dT, where G holds the elements' own thermal wavelengths.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from aiida_polymorph.units import KB

Number = TypeVar("Number", float, np.ndarray)


def kinetic_energy(temperature: Number, atoms: int) -> Number:
    """Return the classical kinetic energy of a number of atoms at a temperature (K), 3/2 kB T each, in eV."""
    return 1.5 * KB * temperature * atoms


def gibbs_helmholtz_enthalpy(enthalpy: Number, temperature: Number, convention: str, atoms: int) -> Number:
    """Return the enthalpy H = G - T dG/dT that belongs to the Gibbs energies of a convention.

    Args:
        enthalpy: Configurational enthalpy, eV per formula unit.
        temperature: K.
        convention: Of the thermal wavelengths, one of `free_energy.result.CONVENTIONS`. With `unit`, a wavelength of
            1 angstrom at every temperature, G - T dG/dT is the configurational enthalpy. With the elements' own
            wavelengths it holds the kinetic energy as well.
        atoms: Number of atoms in a formula unit.

    Returns:
        eV per formula unit, of the shape of `enthalpy`.
    """
    return enthalpy + kinetic_energy(temperature, counted_atoms(convention, atoms))


def counted_atoms(convention: str, atoms: int) -> int:
    """Return how many atoms of a formula unit have their kinetic energy in the enthalpy of Gibbs and Helmholtz.

    Args:
        convention: Of the thermal wavelengths.
        atoms: Number of atoms in a formula unit.

    Returns:
        None of them for a wavelength of 1 angstrom at every temperature, all of them for the elements' own.
    """
    return 0 if convention == "unit" else atoms
