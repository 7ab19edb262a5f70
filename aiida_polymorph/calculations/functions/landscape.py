"""From structure sets to clusters: fingerprints, map, eps, table of clusters."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from aiida import orm

from aiida_polymorph.data.landscape import LandscapeData, map_arrays, unseen_entry
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.machine import cores
from aiida_polymorph.versioned import calcfunction


@calcfunction
def compute_fingerprints(structures: StructureSetData, settings: orm.Dict) -> RecordData:
    """Fingerprints of the usable structures: arrays `features` (unit rows, single precision) and `rows`."""
    from aiida_polymorph.landscape import fingerprints

    members = structures.to_set()
    rows = np.flatnonzero(fingerprints.usable(members))
    chosen = AnalysisSettings.from_dict(settings.get_dict()).fingerprints
    features = fingerprints.compute_fingerprints(members.select(rows), chosen, cores(), dtype=np.float32)
    return RecordData.from_record({"features": features, "rows": rows}, settings=chosen.to_dict())


@calcfunction
def build_landscape(structures: StructureSetData, fingerprints: RecordData, settings: orm.Dict) -> LandscapeData:
    """Map and clusters of one pressure; labels refer to the structures of the array `rows`."""
    from aiida_polymorph.landscape import clusters, threshold
    from aiida_polymorph.landscape.maps import make_map
    from aiida_polymorph.search.unseen import estimate_unseen_within

    chosen = AnalysisSettings.from_dict(settings.get_dict())
    rows = fingerprints.get_array("rows")
    usable = structures.to_set().select(rows)
    features = fingerprints.get_array("features")
    pressure_map = make_map(usable, features, chosen)
    points = pressure_map.coordinates
    choice = threshold.choose_eps(points, chosen.min_samples, eps=chosen.eps)
    labels = clusters.dbscan(points, choice.eps, chosen.min_samples)
    distinct = clusters.dbscan(points, choice.eps, min_samples=1)
    table = clusters.summarise(usable, labels, chosen.symprec)
    arrays = {
        "rows": rows,
        "labels": labels,
        "distinct": distinct,
        "coordinates": pressure_map.coordinates,
        "variances": pressure_map.variances,
        **map_arrays(pressure_map),
    }
    unseen = estimate_unseen_within(distinct, usable.enthalpy_per_formula_unit, chosen.unseen_windows)
    scan = [[eps, *counts] for eps, counts in choice.scan.items()]
    return LandscapeData.from_record(
        arrays,
        pressure_gpa=structures.value("pressure_gpa"),
        composition=structures.value("composition"),
        structures=len(rows),
        total_variance=pressure_map.total_variance,
        eps={**asdict(choice), "scan": scan},
        minima=asdict(clusters.count_minima(distinct, chosen.min_samples)),
        unseen=[unseen_entry(each) for each in unseen],
        clusters=[asdict(cluster) for cluster in table],
        settings=chosen.to_dict(),
    )
