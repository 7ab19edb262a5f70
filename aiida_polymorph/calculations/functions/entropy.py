"""Basin entropies of the phases found at one pressure."""

from __future__ import annotations

import numpy as np
from aiida import orm

from aiida_polymorph.data.basin_entropy import BasinEntropyData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.versioned import calcfunction


@calcfunction
def estimate_basin_entropy(phases: StructureSetData, pressure_gpa: orm.Float) -> BasinEntropyData:
    """Basin entropies from how often each phase was found; without any phase found, a node that says so."""
    from aiida_polymorph.landscape.basin_entropy import fit_basin_entropy

    table = phases.to_set()
    here = (table.column("pressure_gpa") == pressure_gpa.value) & (table.column("state", "") == "found")
    found = table.select(here)
    sizes = np.array(table.metadata["sizes"], dtype=int)
    if len(found) == 0:
        return BasinEntropyData.from_record({"sizes": sizes}, pressure_gpa=pressure_gpa.value, names=[], components=0)
    counts = found.columns["found"]
    appeared = counts.sum(axis=0) > 0
    primitive = np.maximum(found.columns["primitive_formula_units"], 1)
    fit = fit_basin_entropy(counts[:, appeared], sizes[appeared], primitive)
    arrays = {
        "sizes": sizes[appeared],
        "counts": counts[:, appeared],
        "entropy": fit.entropy,
        "error": fit.error,
        "covariance": fit.covariance,
        "constants": fit.constants,
        "component": fit.component,
    }
    return BasinEntropyData.from_record(
        arrays,
        pressure_gpa=pressure_gpa.value,
        names=found.columns["name"].tolist(),
        components=fit.components,
        overdispersion=fit.overdispersion,
        overdispersion_error=fit.overdispersion_error,
        chi2_per_dof=fit.chi2_per_dof,
        reason=list(fit.reason),
    )
