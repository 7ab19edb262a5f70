"""ChemicalPotentialData: see the class."""

from __future__ import annotations

from aiida_polymorph.data.record import RecordData


class ChemicalPotentialData(RecordData):
    """Chemical potentials of phases over pressure and temperature, with errors and the method of each entry."""
