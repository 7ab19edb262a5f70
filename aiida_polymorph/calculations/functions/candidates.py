"""Calcfunctions that choose the candidates for a phase diagram among the minima that searches found."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.landscape.lineage import Lineage, least_gaps, trace_lineages
from aiida_polymorph.landscape.minima import Tolerances
from aiida_polymorph.landscape.selection import SelectionSettings, entropy_window, gather_minima, select_phases
from aiida_polymorph.structures import StructureSet, formula_units_of
from aiida_polymorph.thermodynamics.surfaces.region import Region
from aiida_polymorph.versioned import calcfunction

TIGHT = Tolerances(enthalpy=5e-6, volume=3e-4)
"""By how much relaxations of the same minimum to the protocol `precise` differ at most."""


@calcfunction
def propose_minima(
    settings: orm.Dict, region: orm.Dict, references: StructureSetData | None = None, **searches: StructureSetData
) -> StructureSetData:
    """Return the minima that are worth relaxing at every pressure, there.

    Args:
        settings: of `SelectionSettings`.
        region: of `Region`; its highest temperature sets the window of enthalpies.
        references: known structures with the column `name`, which give their names to phases and are candidates too.
        searches: relaxed structures, each set of one pressure; those of the same pressure count together.

    Returns:
        What `selection.gather_minima` returns, each at each pressure of the searches.
    """
    chosen, asked = SelectionSettings.from_dict(settings.get_dict()), Region.from_dict(region.get_dict())
    sets: dict[float, list[StructureSet]] = {}
    for name in sorted(searches):
        sets.setdefault(float(searches[name].value("pressure_gpa")), []).append(searches[name].to_set())
    pooled = {pressure: StructureSet.concatenate(parts) for pressure, parts in sets.items()}
    known = StructureSet.from_atoms([]) if references is None else references.to_set()
    window = _window(next(iter(pooled.values())), asked, chosen)
    return StructureSetData.from_set(gather_minima(pooled, known, window, chosen).at_pressures(sorted(pooled)))


@calcfunction
def choose_candidates(settings: orm.Dict, region: orm.Dict, relaxed: StructureSetData) -> dict[str, orm.Data]:
    """Return the phases that could be the stable one somewhere, and what became of all.

    Args:
        settings: of `SelectionSettings`.
        region: of `Region`.
        relaxed: what `propose_minima` returned, relaxed.

    Returns:
        `phases`: what `selection.select_phases` returns. `candidates`: a record of all phases with the attributes
        `window_ev` (eV per formula unit) and `phases`, a list of `name`, `known`, `space_group`, `found` (pressure in
        GPa -> times), `least_gap_ev`, `pressures_gpa`, `enthalpies` and `volumes` (per formula unit), `becomes`
        (pressure -> space group), `chosen`.
    """
    chosen, asked = SelectionSettings.from_dict(settings.get_dict()), Region.from_dict(region.get_dict())
    table = relaxed.to_set()
    window = _window(table, asked, chosen)
    lineages = trace_lineages(table, TIGHT)
    entries = [_entry(each, float(gap), window) for each, gap in zip(lineages, least_gaps(lineages), strict=True)]
    return {
        "phases": StructureSetData.from_set(select_phases(table, lineages, window)),
        "candidates": RecordData.from_record({}, window_ev=window, phases=entries, settings=asdict(chosen)),
    }


def _window(structures: StructureSet, region: Region, settings: SelectionSettings) -> float:
    atoms = len(structures[0]) // formula_units_of(structures[0].numbers)
    return entropy_window(region.temperatures[1], atoms, settings.deviations)


def _entry(lineage: Lineage, gap: float, window: float) -> dict[str, Any]:
    return {
        "name": lineage.name,
        "known": lineage.known,
        "space_group": lineage.space_group,
        "found": {f"{pressure:g}": times for pressure, times in lineage.found.items()},
        "least_gap_ev": gap,
        "pressures_gpa": np.asarray(lineage.pressures_gpa).tolist(),
        "enthalpies": np.asarray(lineage.enthalpies).tolist(),
        "volumes": np.asarray(lineage.volumes).tolist(),
        "becomes": {f"{pressure:g}": group for pressure, group in lineage.becomes.items()},
        "chosen": gap <= window,
    }
