"""Free energies of nodes as what a figure is given."""

from __future__ import annotations

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.identity import pk_of
from aiida_polymorph.report.free_energy_curves import FreeEnergyView


def free_energy_view(data: FreeEnergyData, phase: str, formula: str) -> FreeEnergyView:
    """Return a free energy with its integrand.

    Args:
        data: the node.
        phase: its name.
        formula: of a formula unit.
    """
    return FreeEnergyView(
        phase=phase,
        formula=formula,
        temperature_k=data.value("temperature"),
        pressure_gpa=data.value("pressure_gpa"),
        method=data.value("method"),
        arrays=data.to_arrays(),
        checks=data.value("checks", {}),
        node=pk_of(data),
    )
