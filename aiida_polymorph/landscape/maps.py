"""The map that an analysis asks for, of one pressure's structures."""

from __future__ import annotations

import numpy as np

from aiida_polymorph.landscape.kernel_map import KernelMap, kernel_pca, kernel_pca_of_matrix
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.structures import StructureSet


def make_map(structures: StructureSet, features: np.ndarray, settings: AnalysisSettings) -> KernelMap:
    """Return the kernel principal components of n structures.

    Args:
        structures: needed by the RE-Match kernel, which compares atoms.
        features: fingerprints, unit rows, shape (n, d).
        settings: kernel, its power, number of components.
    """
    if settings.kernel == "average":
        return kernel_pca(features, settings.components, settings.kernel_power)
    from aiida_polymorph.landscape.rematch import rematch_kernel

    return kernel_pca_of_matrix(rematch_kernel(structures, settings.fingerprints), settings.components)


def project(
    pressure_map: KernelMap,
    others: StructureSet,
    features: np.ndarray,
    structures: StructureSet,
    settings: AnalysisSettings,
) -> np.ndarray:
    """Return the coordinates of m other structures on the map of `structures`, shape (m, c).

    Args:
        pressure_map: from `make_map`.
        others: what to put on it.
        features: their fingerprints, shape (m, d).
        structures: of which the map was made.
        settings: with which it was made.
    """
    if settings.kernel == "average":
        return pressure_map.project(features)
    from aiida_polymorph.landscape.rematch import rematch_kernel

    return pressure_map.project(rematch_kernel(structures, settings.fingerprints, others=others))
