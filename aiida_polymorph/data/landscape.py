"""LandscapeData: the clustered structures of one pressure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.merging import indices_of
from aiida_polymorph.structures import StructureSet

if TYPE_CHECKING:
    from aiida_polymorph.landscape.clusters import Cluster


class LandscapeData(RecordData):
    """The clustered structures of one pressure: map coordinates, cluster labels, table of clusters, choice of eps.

    Arrays: `rows` (the usable structures of the set, n of them), `labels` (cluster, -1 for none, shape (n,)),
    `distinct` (distinct minimum, shape (n,)), `coordinates` (shape (n, components)), `variances`.
    Attributes: `pressure_gpa`, `composition`, `structures` (n), `eps`, `minima`, `clusters`, `settings`.
    """

    @property
    def pressure_gpa(self) -> float:
        """Pressure of the search, GPa."""
        return float(self.value("pressure_gpa"))

    @property
    def eps(self) -> float:
        """Distance of unit fingerprints below which structures are neighbours."""
        return float(self.value("eps")["eps"])

    @property
    def clusters(self) -> list[Cluster]:
        """Summary of each cluster, in the order of the labels."""
        return [_cluster(entry) for entry in self.value("clusters", [])]

    def usable(self, structures: StructureSetData) -> StructureSet:
        """Return the structures of the set that the landscape was made of, in the order of its arrays.

        All have an index: where the set has none (as imported ones), the place in the set.
        """
        members = structures.to_set()
        return members.with_columns(index=indices_of(members)).select(self.get_array("rows"))


def _cluster(entry: dict) -> Cluster:
    """JSON has neither integers as keys nor nan."""
    from aiida_polymorph.landscape.clusters import Cluster

    unknown = {name: float("nan") for name, value in entry.items() if value is None} | {
        name: entry[name] for name in ("primitive_formula_units",)
    }
    return Cluster(**{**entry, **unknown, "found": {int(size): times for size, times in entry["found"].items()}})
