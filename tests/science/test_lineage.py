"""Phases over pressure: found at several pressures, changing their symmetry, known by name."""

import numpy as np
import pytest
from ase.build import bulk

from aiida_polymorph.landscape.lineage import least_gaps, trace_lineages
from aiida_polymorph.landscape.selection import (
    SelectionSettings,
    entropy_window,
    gather_minima,
    select_phases,
)
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA, KB

PRESSURES = (0.0, 10.0, 20.0)
GROUPS = {"fcc": "Fm-3m", "bcc": "Im-3m", "sc": "Pm-3m", "diamond": "Fd-3m"}
VOLUMES, ENERGIES = {"fcc": 12.0, "bcc": 11.0, "sc": 15.0, "diamond": 18.0}, {"fcc": 0.0, "bcc": 0.03, "sc": 0.3}


def crystal(kind):
    """One atom of copper in a cell of this kind of crystal, of its own volume."""
    atoms = bulk("Cu", kind, a=3.6)
    return bulk("Cu", kind, a=3.6 * (VOLUMES[kind] * len(atoms) / atoms.get_volume()) ** (1 / 3))


def enthalpy(kind, pressure):
    """Of an incompressible crystal, eV per atom."""
    return ENERGIES[kind] + pressure * GPA * VOLUMES[kind]


def relaxed(*minima):
    """What each minimum became at each pressure: (kinds, pressure where it was found, times, name)."""
    rows = [
        (number, kind, pressure, origin, times, name)
        for number, (kinds, origin, times, name) in enumerate(minima)
        for kind, pressure in zip(kinds, PRESSURES, strict=True)
    ]
    atoms = [crystal(kind) for _, kind, *_ in rows]
    columns = {
        "minimum": [row[0] for row in rows],
        "pressure_gpa": [row[2] for row in rows],
        "origin_gpa": [row[3] for row in rows],
        "found": [row[4] for row in rows],
        "name": [row[5] for row in rows],
        "started_as": [GROUPS[minima[row[0]][0][0]] if row[5] else "" for row in rows],
        "enthalpy": [enthalpy(row[1], row[2]) * len(a) for row, a in zip(rows, atoms, strict=True)],
        "converged": np.ones(len(rows), dtype=bool),
    }
    return StructureSet.from_atoms(atoms, columns)


def test_minima_of_several_pressures_are_one_phase_where_they_keep_themselves():
    lineages = trace_lineages(
        relaxed((["fcc"] * 3, 0.0, 5, ""), (["fcc"] * 3, 20.0, 2, ""), (["bcc"] * 3, 10.0, 1, ""))
    )
    assert {each.space_group: dict(each.found) for each in lineages} == {"Fm-3m": {0.0: 5, 20.0: 2}, "Im-3m": {10.0: 1}}
    assert all(each.pressures_gpa.tolist() == list(PRESSURES) for each in lineages)


def test_a_phase_that_becomes_another_is_that_one_from_there_on():
    lineages = trace_lineages(relaxed((["fcc"] * 3, 0.0, 5, ""), (["fcc", "fcc", "bcc"], 20.0, 4, "")))
    twin = next(each for each in lineages if each.space_group == "Im-3m")
    assert twin.pressures_gpa.tolist() == [20.0]
    assert twin.becomes == {0.0: "Fm-3m", 10.0: "Fm-3m"}
    fcc = next(each for each in lineages if each.space_group == "Fm-3m")
    assert fcc.found == {0.0: 5}
    assert fcc.pressures_gpa.tolist() == list(PRESSURES)


def test_gaps_are_looked_for_between_the_pressures():
    """bcc is denser: it crosses fcc at 4.8 GPa, between the pressures, and simple cubic is never near."""
    lineages = trace_lineages(relaxed((["fcc"] * 3, 0.0, 1, ""), (["bcc"] * 3, 0.0, 1, ""), (["sc"] * 3, 0.0, 1, "")))
    gaps = dict(zip((each.space_group for each in lineages), least_gaps(lineages), strict=True))
    assert gaps["Fm-3m"] == 0.0
    assert gaps["Im-3m"] == 0.0
    assert gaps["Pm-3m"] == pytest.approx(0.3, abs=1e-9)


def test_references_name_phases_and_others_are_named_after_where_they_are_lowest():
    lineages = trace_lineages(
        relaxed((["fcc"] * 3, np.nan, 0, "copper"), (["fcc"] * 3, 20.0, 2, ""), (["bcc"] * 3, 0.0, 1, ""))
    )
    names = {each.space_group: (each.name, each.known, dict(each.found)) for each in lineages}
    assert names == {"Fm-3m": ("copper", True, {20.0: 2}), "Im-3m": ("10-a-Im-3m", False, {0.0: 1})}


def test_the_window_follows_from_temperature_and_atoms():
    assert entropy_window(1000.0, 3, 2.0, 0.1) == pytest.approx(2 * np.sqrt(2) * 0.1 * KB * 1000 * 3)
    assert entropy_window(2000.0, 3, 2.0) == pytest.approx(2 * entropy_window(1000.0, 3, 2.0))


def test_phases_within_the_window_are_selected_where_they_lie_lowest():
    table = relaxed((["fcc"] * 3, 0.0, 1, ""), (["bcc"] * 3, 0.0, 1, ""), (["sc"] * 3, 0.0, 1, ""))
    lineages = trace_lineages(table)
    phases = select_phases(table, lineages, 0.1)
    assert phases.column("space_group").tolist() == ["Fm-3m", "Im-3m"]
    assert phases.column("pressure_gpa").tolist() == [0.0, 10.0]
    assert len(select_phases(table, lineages, 0.5)) == 3


def test_minima_and_references_are_gathered():
    def search(kinds):
        atoms = [crystal(kind) for kind in kinds]
        enthalpies = [ENERGIES[kind] * len(a) for kind, a in zip(kinds, atoms, strict=True)]
        return StructureSet.from_atoms(atoms, {"enthalpy": enthalpies, "converged": np.ones(len(atoms), bool)})

    references = StructureSet.from_atoms([crystal("diamond")], {"name": ["diamond"]})
    searches = {0.0: search(["fcc", "fcc", "bcc"]), 20.0: search(["bcc", "sc"])}
    minima = gather_minima(searches, references, 0.1, SelectionSettings())
    assert minima.column("origin_gpa").tolist()[:3] == [0.0, 0.0, 20.0]
    assert np.isnan(minima.column("origin_gpa")[3])
    assert minima.column("found").tolist() == [2, 1, 1, 0]
    assert minima.column("name").tolist() == ["", "", "", "diamond"]
    assert minima.column("started_as").tolist() == ["", "", "", "Fd-3m"]
    assert minima.column("minimum").tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["deviations", "most_minima", "symprec"])
def test_settings_are_checked(name):
    with pytest.raises(ValueError, match=f"selection: {name} is 0"):
        SelectionSettings.from_dict({name: 0})
    with pytest.raises(ValueError, match="unknown key windows"):
        SelectionSettings.from_dict({"windows": 1})
