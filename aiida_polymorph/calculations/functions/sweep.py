"""Calcfunction that tells what sweeps of the temperature found, and how to read what it stores."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.calculations.functions.plans import conclude, look_up, sweep_plan
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.thermodynamics.surfaces.sweep import Sweep
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import Sweeps
from aiida_polymorph.versioned import calcfunction

ARRAYS = ("temperatures", "enthalpy", "volume")
WAYS = ("up", "down")


@calcfunction
def conclude_sweep(
    structure: orm.StructureData,
    potential: PotentialData,
    parameters: orm.Dict,
    final_temperature: orm.Float,
    sweep_steps: orm.Int,
    **results: RecordData,
) -> RecordData:
    """Return what a sweep told, sample by sample, as `up__enthalpy`, `down__volume`, ...; no arrays if lost at 0 K.

    Attributes: `reason`, why the crystal is another one now, empty if it is not; `broken_at`, the temperature below
    which it is not seen to be another one (K); `steps` of molecular dynamics.

    Args:
        structure: the phase, any cell of it.
        potential: of LAMMPS.
        parameters: see `FreeEnergyParameters`.
        final_temperature: of the turn, K.
        sweep_steps: one way.
        results: of the steps, by label.
    """
    inputs = {"structure": structure, "potential": potential, "parameters": parameters}
    plan = sweep_plan({**inputs, "final_temperature": final_temperature, "sweep_steps": sweep_steps})
    found = conclude(plan, look_up(results))
    ways = dict(zip(WAYS, found.ways or (), strict=False))
    arrays = {f"{name}__{key}": getattr(way, key) for name, way in ways.items() for key in ARRAYS}
    return RecordData.from_record(arrays, reason=found.reason, broken_at=found.broken_at, steps=found.steps)


def load_sweeps(record: RecordData) -> Sweeps:
    """Return the sweeps that `conclude_sweep` stored."""
    entries = {name: record.value(name) for name in ("reason", "broken_at", "steps")}
    if not record.get_arraynames():
        return Sweeps(None, **entries)
    up, down = (_way(record, name) for name in WAYS)
    return Sweeps((up, down), **entries)


def _way(record: RecordData, name: str) -> Sweep:
    temperatures, enthalpy, volume = (record.get_array(f"{name}__{key}") for key in ARRAYS)
    return Sweep(temperatures, enthalpy, volume)
