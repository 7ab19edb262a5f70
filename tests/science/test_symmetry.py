import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk

from aiida_polymorph.references import load_references
from aiida_polymorph.symmetry import (
    point_group_order,
    primitive_cell,
    primitive_formula_units,
    space_group,
)


def test_known_symmetries():
    assert space_group(bulk("Cu", cubic=True)) == "Fm-3m"
    known = load_references("TiO2")
    symbols = dict(zip(known.columns["name"], (space_group(atoms) for atoms in known), strict=True))
    assert symbols["rutile"] == "P4_2/mnm"
    assert symbols["baddeleyite"] == "P2_1/c"


def test_primitive_formula_units_do_not_depend_on_the_cell():
    known = load_references("TiO2")
    units = {name: primitive_formula_units(atoms) for name, atoms in zip(known.columns["name"], known, strict=True)}
    assert units == {
        "OI": 8, "TiO2B": 4, "anatase": 2, "baddeleyite": 4, "brookite": 8, "columbite": 4, "cotunnite": 4,
        "fluorite": 1, "hollandite": 4, "pyrite": 4, "ramsdellite": 4, "rutile": 2,
    }  # fmt: skip
    rutile = known[list(known.columns["name"]).index("rutile")]
    assert primitive_formula_units(rutile.repeat((2, 1, 3))) == 2


def test_point_groups_are_those_of_the_crystal_not_of_the_cell():
    known = load_references("TiO2")
    order = {name: point_group_order(atoms) for name, atoms in zip(known.columns["name"], known, strict=True)}
    assert (order["rutile"], order["fluorite"], order["pyrite"], order["baddeleyite"]) == (16, 48, 24, 4)
    assert point_group_order(bulk("Cu").repeat((3, 1, 1))) == 48


def test_primitive_cells():
    primitive = primitive_cell(bulk("Cu", cubic=True).repeat((1, 2, 1)))
    assert len(primitive) == 1
    assert primitive.cell.volume == pytest.approx(bulk("Cu").cell.volume)


def test_tolerance_decides():
    atoms = bulk("Cu", cubic=True)
    atoms.positions[0, 0] += 0.004
    assert space_group(atoms, symprec=0.01) == "Fm-3m"
    assert space_group(atoms, symprec=0.001) != "Fm-3m"


@pytest.mark.filterwarnings("ignore:.*OLD_ERROR_HANDLING")
@pytest.mark.parametrize("returns_none", [True, False])
def test_no_symmetry_found_is_empty_not_a_guess(returns_none, monkeypatch):
    monkeypatch.setattr(spglib.error, "OLD_ERROR_HANDLING", returns_none)
    on_top = Atoms("Cu2", positions=np.zeros((2, 3)), cell=np.eye(3) * 3, pbc=True)
    assert space_group(on_top) == ""
    assert primitive_formula_units(on_top) is None
    assert primitive_cell(on_top) is None
    assert point_group_order(on_top) == 1


def test_bad_tolerance_is_refused():
    for function in (space_group, primitive_formula_units):
        with pytest.raises(ValueError, match="symprec is 0"):
            function(bulk("Cu"), symprec=0)
