"""A phase that does not last: what it turned into is named, drawn and kept."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase.build import bulk

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.report.canvas import save_figure
from aiida_polymorph.report.transformation import transformation_figure
from aiida_polymorph.results.transformation import transformation_view
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.equilibrate import EquilibrateWorkChain
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain

ARGON = {
    "name": "argon",
    "backend": "lammps",
    "species": ["Ar"],
    "units": "metal",
    "commands": ["pair_style lj/cut 6.5", "pair_modify shift yes", "pair_coeff 1 1 0.0104 3.405"],
}
BRIEF = {"equilibration_steps": 1000, "npt_steps": 1000, "nvt_steps": 200, "timestep_fs": 5.0}


@pytest.fixture
def baddeleyite():
    """It turns into columbite when it is relaxed at 0 GPa."""
    references = load_references("TiO2")
    atoms = references[list(references.column("name", "")).index("baddeleyite")]
    return {
        "structure": orm.StructureData(ase=atoms, label="baddeleyite"),
        "potential": PotentialData.from_potential(load_potential("matsui-akaogi")),
        "phases": StructureSetData.from_set(references),
        "parameters": orm.Dict({"temperature": 700.0, "pressure_gpa": 0.0, "target_atoms": 24}),
    }


def test_a_crystal_without_a_minimum(code, baddeleyite, tmp_path):
    outputs, node = run_get_node(EquilibrateWorkChain, code=code, **baddeleyite)
    assert node.exit_status == 410
    assert "P2_1/c becomes Pbcn; now columbite" in node.exit_message
    assert outputs["summary"]["became"] == "columbite"
    assert len(outputs["product"].sites) == 24
    assert save_figure(transformation_figure(transformation_view(node)), tmp_path / "what.png").stat().st_size > 10_000


def test_the_free_energy_says_what_it_became(code, baddeleyite):
    outputs, node = run_get_node(FreeEnergyWorkChain, code=code, **baddeleyite)
    assert node.exit_status == 410
    found = outputs["free_energy"]
    assert (found.value("became"), found.value("metastable"), found.value("gibbs_energy")) == ("columbite", False, None)


def test_a_crystal_that_transforms_in_dynamics(code, tmp_path):
    known = StructureSet.from_atoms([bulk("Ar", a=5.3), bulk("Ar", "hcp", a=3.75)], columns={"name": ["fcc", "hcp"]})
    inputs = {
        "structure": orm.StructureData(ase=bulk("Ar", "bcc", a=4.2, cubic=True)),
        "potential": PotentialData.from_potential(Potential.from_dict(ARGON)),
        "parameters": orm.Dict({"temperature": 20.0, "target_atoms": 128, "equilibrate": BRIEF}),
    }
    outputs, node = run_get_node(EquilibrateWorkChain, code=code, phases=StructureSetData.from_set(known), **inputs)
    assert node.exit_status == 410
    assert outputs["summary"]["became"].startswith(("fcc", "hcp", "something without symmetry, most like"))
    assert outputs["summary"]["reason"].endswith(outputs["summary"]["became"])
    assert save_figure(transformation_figure(transformation_view(node)), tmp_path / "what.png").stat().st_size > 10_000


def test_a_phase_that_lasts_has_no_picture(code):
    inputs = {
        "structure": orm.StructureData(ase=bulk("Ar", "fcc", a=5.25)),
        "potential": PotentialData.from_potential(Potential.from_dict(ARGON)),
        "parameters": orm.Dict({"temperature": 10.0, "target_atoms": 108, "equilibrate": BRIEF}),
    }
    outputs, node = run_get_node(EquilibrateWorkChain, code=code, **inputs)
    assert node.is_finished_ok, node.exit_message
    assert "product" not in outputs
    with pytest.raises(ValueError, match="has no phase that turned into something else"):
        transformation_figure(transformation_view(node))
