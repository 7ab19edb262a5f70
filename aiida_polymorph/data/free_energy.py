"""FreeEnergyData: Gibbs energy of one phase at one temperature and pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.sampling.series import Estimate

PLAIN = ("temperature", "pressure_gpa", "method", "convention", "finite_size", "atoms", "steps", "reason")


class FreeEnergyData(RecordData):
    """Gibbs energy of one phase, term by term with errors, eV per formula unit; arrays hold integrand or work.

    Attributes for queries: `temperature`, `pressure_gpa`, `method`, `convention`, `finite_size`, `gibbs_energy`,
    `error`, `terms` (name -> [value, error]), `atoms`, `steps`, `volume`, `enthalpy` (each [value, error]),
    `metastable`, `reason`, `became` (name of the phase that it turned into, None if unknown), `remarks`, `checks`;
    `phase` (name, None where none was given), `composition` (formula of a formula unit) and `potential` (name),
    `source` (under which source comparisons list it), which nodes of older versions don't have.
    """

    @classmethod
    def from_free_energy(
        cls,
        found: FreeEnergy,
        curve: Mapping[str, np.ndarray] | None = None,
        became: str | None = None,
        *,
        phase: str | None = None,
        composition: str | None = None,
        potential: str | None = None,
        source: str | None = None,
    ) -> Self:
        """Make an unstored node; the last four say of which phase it is, and where it is listed: see the attributes."""
        attributes: dict[str, Any] = {name: getattr(found, name) for name in PLAIN}
        return cls.from_record(
            curve or {},
            **attributes,
            gibbs_energy=found.gibbs_energy if found.terms else None,
            error=found.error if found.terms else None,
            terms={name: list(term) for name, term in found.terms.items()},
            volume=list(found.volume),
            enthalpy=list(found.enthalpy),
            metastable=not found.reason,
            became=became,
            phase=phase,
            composition=composition,
            potential=potential,
            source=source,
            remarks=list(found.remarks),
            checks=dict(found.checks),
        )

    def to_free_energy(self) -> FreeEnergy:
        """Return the free energy."""
        return FreeEnergy(
            **{name: self.value(name) for name in PLAIN},
            terms={name: _estimate(term) for name, term in self.value("terms").items()},
            volume=_estimate(self.value("volume")),
            enthalpy=_estimate(self.value("enthalpy")),
            remarks=tuple(self.value("remarks")),
            checks=self.value("checks"),
        )


def _estimate(pair: list[float | None]) -> Estimate:
    return Estimate(*(np.nan if number is None else number for number in pair))
