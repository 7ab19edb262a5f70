"""Units and constants: eV, angstrom, GPa and K inside, everything else converted once at the edge.

`x * KCAL_PER_MOL` turns kcal/mol into eV, `x / KCAL_PER_MOL` turns eV into kcal/mol; likewise for the others.
"""

from __future__ import annotations

import ase.units

KB = ase.units.kB
"""Boltzmann constant in eV/K."""

GPA = ase.units.GPa
"""One GPa in eV/angstrom^3."""

KCAL_PER_MOL = ase.units.kcal / ase.units.mol
"""One kcal/mol in eV."""
