"""GibbsEnergiesData: Gibbs energies of one phase at several temperatures and pressures."""

from __future__ import annotations

from typing import Any

from aiida_polymorph.data.record import RecordData


class GibbsEnergiesData(RecordData):
    """Gibbs energies of one phase over temperatures and pressures, by integration from Frenkel-Ladd points.

    Attributes for queries: `convention`, `points`: a list of `temperature_k`, `pressure_gpa`, `gibbs_energy`, `error`
    (eV per formula unit), `configurational_enthalpy` (without kinetic energy), `volume` (angstrom^3 per formula unit),
    `gap`, `gap_error` (by how much the loop over this point fails to close), `metastable`, `reason`; None for what is
    unknown. `phase` (name, None where none was given), `composition` (formula of a formula unit), `potential` (name),
    and `problem` (why no free energy could be computed although the phase is metastable, "" if one could).

    Older versions stored no `phase`, `composition`, `potential` and `problem`, and in a point `enthalpy`, with kinetic
    energy, instead of `configurational_enthalpy`; `data.state_points` reads both.
    """

    @property
    def points(self) -> list[dict[str, Any]]:
        """The points."""
        return self.value("points", [])
