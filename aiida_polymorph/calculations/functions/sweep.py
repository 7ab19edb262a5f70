"""Calcfunction that digests sweeps of the temperature, and how to read what it stores."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.lammps.settings import SweepSettings
from aiida_polymorph.thermodynamics.surfaces.sweep import Sweep, digest_sweeps
from aiida_polymorph.versioned import calcfunction

ARRAYS = ("temperatures", "enthalpy", "volume")


@calcfunction
def take_sweeps(crystal: orm.StructureData, minimum: orm.Dict, results: RecordData, task: orm.Dict) -> RecordData:
    """Return what a run of the task `sweep` told, sample by sample, as `up__enthalpy`, `down__volume`, ...

    Attributes: `reason`, why the crystal did not last, empty if it did; `broken_at`, the temperature below which it is
    not seen to be another one (K); `steps` of molecular dynamics.

    Args:
        crystal: the supercell that the run started from.
        minimum: its energy.
        results: of the run.
        task: with its settings.
    """
    settings = SweepSettings.from_dict(task["settings"])
    ways = digest_sweeps(crystal.get_ase(), results.to_arrays(), settings, minimum["energy_ev"])
    arrays = {
        f"{name}__{key}": getattr(way, key) for name, way in zip(("up", "down"), ways, strict=True) for key in ARRAYS
    }
    reason, broken_at = next(((way.reason, way.broken_at) for way in ways if way.reason), ("", None))
    steps = 2 * (settings.sweep_steps + settings.equilibration_steps)
    return RecordData.from_record(arrays, reason=reason, broken_at=broken_at, steps=steps)


def load_sweeps(record: RecordData) -> tuple[Sweep, Sweep]:
    """Return the sweeps up and down that `take_sweeps` stored of a crystal that lasted."""
    up, down = (Sweep(*(record.get_array(f"{name}__{key}") for key in ARRAYS)) for name in ("up", "down"))
    return up, down
