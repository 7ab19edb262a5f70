"""PotentialData: a potential survives the database, its files included."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from aiida.plugins import DataFactory

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.potential import Potential, load_potential

TERSOFF = {
    "name": "tersoff",
    "backend": "lammps",
    "species": ["Si"],
    "units": "metal",
    "commands": ["pair_style tersoff", "pair_coeff * * Si.tersoff Si"],
    "files": {"Si.tersoff": "# µ parameters\nSi Si Si 3.0 1.0\n"},
}


def test_round_trip():
    potential = load_potential("matsui-akaogi")
    node = orm.load_node(PotentialData.from_potential(potential).store().pk)
    assert node.to_potential() == potential
    assert node.label == "matsui-akaogi"


def test_files_are_kept_and_are_part_of_the_identity():
    potential = Potential.from_dict(TERSOFF)
    node = PotentialData.from_potential(potential).store()
    assert orm.load_node(node.pk).to_potential() == potential
    other = Potential.from_dict({**TERSOFF, "files": {"Si.tersoff": "Si Si Si 3.0 1.1\n"}})
    assert PotentialData.from_potential(other).store().base.caching.get_hash() != node.base.caching.get_hash()
    assert PotentialData.from_potential(potential).store().base.caching.get_hash() == node.base.caching.get_hash()


def test_can_be_queried_by_species():
    node = PotentialData.from_potential(Potential.from_dict(TERSOFF)).store()
    filters = {"attributes.species": {"contains": ["Si"]}, "id": node.pk}
    assert orm.QueryBuilder().append(PotentialData, filters=filters).count() == 1


def test_what_is_no_potential_is_refused():
    node = PotentialData.from_potential(Potential.from_dict(TERSOFF))
    node.base.attributes.set("backend", "abacus")
    with pytest.raises(ValidationError, match="backend is 'abacus'"):
        node.store()


def test_entry_point():
    assert DataFactory("polymorph.potential") is PotentialData
