"""State points of nodes as this version stores them, and as older versions did: with kinetic energy in the enthalpy."""

from __future__ import annotations

from itertools import product

import pytest
from aiida import orm
from test_diagram import ATOMS, PRESSURES, SOLIDS, TEMPERATURES, entry, single, stored

from aiida_polymorph.calculations.functions.coexistence import find_coexistence
from aiida_polymorph.calculations.functions.compare import measured
from aiida_polymorph.calculations.functions.integrate import point_of
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.state_points import state_points
from aiida_polymorph.results.gibbs_rows import integrate_rows
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import Gibbs
from aiida_polymorph.units import KB

LOST = dict.fromkeys(("gibbs_energy", "error", "volume"))
MORE = {"gap": None, "gap_error": None}


def energies(phase, old, convention="unit"):
    """Gibbs energies by the key of either version, the phase lost at the last state point."""
    points = []
    for t, p in product(TEMPERATURES, PRESSURES):
        point = {**entry(SOLIDS[phase], t, p), **MORE}
        configurational = point.pop("configurational_enthalpy")
        lost = (t, p) == (TEMPERATURES[-1], PRESSURES[-1])
        whole = configurational + 1.5 * KB * t * ATOMS
        key, value = ("enthalpy", whole) if old else ("configurational_enthalpy", configurational)
        changes = {**LOST, "metastable": False, "reason": "molten"} if lost else {}
        points.append({**point, key: None if lost else value, **changes})
    return GibbsEnergiesData.from_record({}, convention=convention, points=points)


def test_both_versions_tell_the_same():
    old, new = (state_points(energies("light", old), ATOMS) for old in (True, False))
    for one, other in zip(old, new, strict=True):
        assert one["configurational_enthalpy"] == pytest.approx(other["configurational_enthalpy"], abs=1e-12)
        assert {key: one[key] for key in other if "enthalpy" not in key} == {
            key: other[key] for key in other if "enthalpy" not in key
        }
    assert new[-1]["configurational_enthalpy"] is None


@pytest.mark.parametrize("convention", ["unit", "mass"])
def test_entropies_of_both_versions_are_the_same(convention):
    old, new = (measured(energies("light", old, convention), "light", 0, ATOMS) for old in (True, False))
    for one, other in zip(old[:-1], new[:-1], strict=True):
        assert one.entropy.value == pytest.approx(other.entropy.value, abs=1e-9)
    assert (old[-1].entropy, new[-1].entropy, new[-1].reason) == (None, None, "molten")


def test_lines_between_nodes_of_both_versions():
    names = orm.Dict({"a": "light", "b": "dense"})
    lines = [
        find_coexistence(names=names, atoms=orm.Int(ATOMS), a=energies("light", old), b=energies("dense", False))
        for old in (True, False)
    ]
    one, other = (node.value("lines")[0]["points"][0] for node in lines)
    assert one == pytest.approx(other, abs=1e-9)


def test_integrate_shows_the_whole_enthalpy():
    for old in (True, False):
        process = stored("IntegrateWorkChain", "gibbs_energies", energies("light", old), "light")
        rows = integrate_rows(process, "light")
        for row, (t, p) in zip(rows[:-1], product(TEMPERATURES, PRESSURES), strict=False):
            configurational = entry(SOLIDS["light"], t, p)["configurational_enthalpy"]
            assert row["enthalpy_ev_per_formula_unit"] == pytest.approx(configurational + 1.5 * KB * t * ATOMS)
        assert rows[-1]["enthalpy_ev_per_formula_unit"] is None


def test_new_points_hold_the_configurational_enthalpy():
    found = Gibbs(700.0, 5.0, Estimate(-38.0, 1e-3), Estimate(-37.5, 1e-3), Estimate(31.0, 0.01))
    point = point_of(found)
    assert point["configurational_enthalpy"] == -37.5
    assert "enthalpy" not in point


def test_a_single_free_energy_is_one_state_point():
    (point,) = state_points(single("light", 700.0, 10.0).outputs.free_energy, ATOMS)
    expected = entry(SOLIDS["light"], 700.0, 10.0)
    assert {name: point[name] for name in expected} == pytest.approx(expected)
