"""ChemicalPotentialData: chemical potentials of phases over pressure and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aiida_polymorph.data.record import RecordData

if TYPE_CHECKING:
    from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials


class ChemicalPotentialData(RecordData):
    """Enthalpies and basin entropies of phases at the searched pressures, with errors and the method of each entry.

    From these `to_potentials().evaluate(temperature, pressure)` gives the chemical potentials anywhere.
    Attributes for queries: `names`, `pressures_gpa`.
    """

    @classmethod
    def from_potentials(cls, potentials: ChemicalPotentials) -> Self:
        """Make an unstored node."""
        names, pressures = list(potentials.names), potentials.pressures_gpa.tolist()
        return cls.from_record(potentials.to_arrays(), names=names, pressures_gpa=pressures)

    def to_potentials(self) -> ChemicalPotentials:
        """Return the chemical potentials."""
        from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials

        return ChemicalPotentials.from_arrays(self.value("names"), self.to_arrays())
