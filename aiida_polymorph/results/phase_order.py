"""The order of all phases of a profile, from which their colours follow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from aiida import orm

from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.results.free_energies import OUTPUTS, bare
from aiida_polymorph.results.nodes import formula_of


def phase_order(composition: str | None) -> list[str]:
    """Return the names of all phases of a composition that nodes of the profile know.

    New nodes add their phases at the end, so that the place of a phase, and with it its colour, stays the same. Of the
    phases of one analysis those come first that come nearest to the lowest enthalpy at any searched pressure.

    Args:
        composition: Formula of a formula unit; None for no phases.
    """
    if composition is None:
        return []
    kinds = (_analysed, _integrated, _labelled, _scanned)
    found = sorted(entry for kind in kinds for entry in kind(composition))
    return list(dict.fromkeys(name for _, names in found for name in names))


Names = Iterator[tuple[int, list[str]]]
"""PK of a node and the names of its phases."""


def _analysed(composition: str) -> Names:
    query = orm.QueryBuilder().append(StructureSetData, filters={"attributes.composition": composition}, tag="phases")
    query.append(orm.CalcFunctionNode, with_incoming="phases", tag="made", edge_filters={"label": "phases"})
    query.append(ChemicalPotentialData, with_incoming="made", project="*")
    for node in query.distinct().all(flat=True):
        potentials = node.to_potentials()
        heights = np.where(np.isfinite(potentials.enthalpy), potentials.enthalpy, np.inf)
        above = (heights - heights.min(axis=0)).min(axis=1, where=np.isfinite(heights), initial=np.inf)
        yield node.pk, [potentials.names[i] for i in np.argsort(above, kind="stable")]


def _integrated(composition: str) -> Names:
    """Return the phases of Gibbs energies that know their phase themselves."""
    known = {"and": [{"attributes": {"has_key": "phase"}}, {"attributes.composition": composition}]}
    query = orm.QueryBuilder()
    query.append((FreeEnergyData, GibbsEnergiesData), filters=known, project=["id", "attributes.phase"])
    yield from ((pk, [bare(name)]) for pk, name in query.all() if name)


def _labelled(composition: str) -> Names:
    """Return the phases of processes of older versions, which are called as the labels of their structures."""
    query = orm.QueryBuilder()
    kinds = {"attributes.process_label": {"in": list(OUTPUTS)}}
    query.append(orm.WorkChainNode, filters=kinds, tag="process", project="id")
    nameless = {"attributes": {"!has_key": "phase"}}
    query.append((FreeEnergyData, GibbsEnergiesData), with_incoming="process", filters=nameless)
    query.append(orm.StructureData, with_outgoing="process", edge_filters={"label": "structure"}, project="*")
    for pk, structure in query.all():
        name = bare(structure.label)
        if name and formula_of(structure) == composition:
            yield pk, [name]


def _scanned(composition: str) -> Names:
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"attributes.process_label": "DftScanWorkChain"}, tag="scan")
    same = {"attributes.composition": composition}
    query.append(StructureSetData, with_incoming="scan", project="*", filters=same, edge_filters={"label": "points"})
    for node in query.all(flat=True):
        yield node.pk, list(dict.fromkeys(str(name) for name in node.to_set().column("name", "")))
