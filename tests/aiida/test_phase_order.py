"""The order of all phases of a profile: new nodes come last, labels count for nodes of older versions only."""

from __future__ import annotations

from test_coexistence import DENSE, LIGHT, identified
from test_diagram import integrated, stored

from aiida_polymorph.results.phase_order import phase_order


def test_an_analysis_and_nodes_in_the_order_of_their_making(analysis):
    names = list(analysis.outputs.chemical_potentials.value("names"))
    before = phase_order("TiO2")
    assert set(names) <= set(before)
    potentials = analysis.outputs.chemical_potentials.to_potentials()
    heights = (potentials.enthalpy - potentials.enthalpy.min(axis=0)).min(axis=1)
    new = [heights[names.index(name)] for name in before if name in names and "-" in name]
    assert new == sorted(new), "phases that only this analysis knows come by their distance from the lowest enthalpy"
    integrated("light")
    stored("IntegrateWorkChain", "gibbs_energies", identified(DENSE, "a new phase"), "its label")
    after = phase_order("TiO2")
    assert after[: len(before)] == before
    assert set(after[len(before) :]) == {"light", "a new phase"} - set(before)
    assert "its label" not in after


def test_another_composition_has_its_own():
    stored("IntegrateWorkChain", "gibbs_energies", identified(LIGHT, "quartz", composition="SiO2"), "x")
    assert phase_order("SiO2") == ["quartz"]
    assert "quartz" not in phase_order("TiO2")
    assert phase_order(None) == []
