"""Units of the driver: eV and angstrom, with CODATA 2014 as `ase.units` has them (the driver may run without ASE)."""

KCAL_PER_MOL = 0.04336410390059322
"""One kcal/mol in eV."""

GPA = 0.006241509125883258
"""One GPa in eV/angstrom^3."""
