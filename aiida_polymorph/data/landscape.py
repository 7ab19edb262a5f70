"""LandscapeData: the clustered structures of one pressure."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.relaxation.merging import indices_of
from aiida_polymorph.structures import StructureSet

if TYPE_CHECKING:
    from aiida_polymorph.landscape.clusters import Cluster
    from aiida_polymorph.landscape.kernel_map import KernelMap
    from aiida_polymorph.search.unseen import UnseenWithin


class LandscapeData(RecordData):
    """The clustered structures of one pressure: map coordinates, cluster labels, table of clusters, choice of eps.

    Arrays: `rows` (the usable structures of the set, n of them), `labels` (cluster, -1 for none, shape (n,)),
    `distinct` (distinct minimum, shape (n,)), `coordinates` (shape (n, components)), `variances`, and `map_centre`,
    `map_axes`, `map_features` of the map (see `kernel_map.KernelMap`; the last for a kernel with a power only).
    Attributes: `pressure_gpa`, `composition`, `structures` (n), `eps`, `minima`, `clusters`, `settings`, and `unseen`:
    estimates of how many minima the search missed, one for each window of enthalpy above the lowest (`window`, eV per
    formula unit, None for all minima; `lowest`, its enthalpy; see `search.unseen`). Nodes
    that older versions made have no `unseen`.
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

    @property
    def unseen(self) -> list[UnseenWithin] | None:
        """Estimates of what the search missed, by window of enthalpy; None in a node that an older version made."""
        entries = self.value("unseen")
        return None if entries is None else [_unseen(entry) for entry in entries]

    def to_map(self) -> KernelMap | None:
        """Return the map, on which others can be put; None for a node of before it was stored."""
        from aiida_polymorph.landscape.kernel_map import KernelMap

        arrays = self.to_arrays()
        if "map_axes" not in arrays:
            return None
        settings = self.value("settings")
        return KernelMap(
            coordinates=arrays["coordinates"],
            variances=arrays["variances"],
            total_variance=self.value("total_variance"),
            power=settings["kernel_power"] if settings["kernel"] == "average" else float("nan"),
            centre=arrays["map_centre"],
            axes=arrays["map_axes"],
            features=arrays.get("map_features"),
        )

    def usable(self, structures: StructureSetData) -> StructureSet:
        """Return the structures of the set that the landscape was made of, in the order of its arrays.

        All have an index: where the set has none (as imported ones), the place in the set.
        """
        members = structures.to_set()
        return members.with_columns(index=indices_of(members)).select(self.get_array("rows"))


def map_arrays(pressure_map: KernelMap) -> dict[str, np.ndarray]:
    """Return what `LandscapeData.to_map` needs beside coordinates and variances, as arrays of a node."""
    arrays = {"map_centre": pressure_map.centre, "map_axes": pressure_map.axes}
    if pressure_map.features is not None:
        arrays["map_features"] = pressure_map.features.astype(np.float32)
    return arrays


def unseen_entry(within: UnseenWithin) -> dict[str, Any]:
    """Return an estimate of what the search missed as an entry of the attribute `unseen`."""
    beside = {"window": within.window, "lowest": within.lowest, "structures": within.structures}
    return {**beside, **asdict(within.unseen)}


def _unseen(entry: dict[str, Any]) -> UnseenWithin:
    """JSON has neither infinity nor nan."""
    from aiida_polymorph.search.unseen import Unseen, UnseenWithin

    window, lowest = (float("inf") if entry.get(name) is None else entry[name] for name in ("window", "lowest"))
    numbers: dict[str, Any] = {each.name: entry[each.name] for each in fields(Unseen)}
    known: dict[str, Any] = {name: float("nan") if value is None else value for name, value in numbers.items()}
    unseen = Unseen(**known)
    return UnseenWithin(window, lowest, entry["structures"], unseen)


def _cluster(entry: dict) -> Cluster:
    """JSON has neither integers as keys nor nan."""
    from aiida_polymorph.landscape.clusters import Cluster

    unknown = {name: float("nan") for name, value in entry.items() if value is None} | {
        name: entry[name] for name in ("primitive_formula_units",)
    }
    return Cluster(**{**entry, **unknown, "found": {int(size): times for size, times in entry["found"].items()}})
