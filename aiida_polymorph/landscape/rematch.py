"""The RE-Match kernel, which pairs the atoms of two structures instead of averaging them."""

from __future__ import annotations

import numpy as np

from aiida_polymorph.landscape.fingerprints import FingerprintSettings, local_fingerprints
from aiida_polymorph.structures import StructureSet


def rematch_kernel(
    structures: StructureSet,
    settings: FingerprintSettings | None = None,
    alpha: float = 0.1,
    others: StructureSet | None = None,
) -> np.ndarray:
    """Return DScribe's normalised RE-Match kernel (De et al., Phys. Chem. Chem. Phys. 18, 13754 (2016)).

    The whole matrix is formed, and each pair of structures takes an iteration over their atoms: for hundreds of
    structures, not for many thousands. `kernel_map.kernel_pca_of_matrix` makes a map of it.

    Args:
        structures: n structures.
        settings: of the atoms' SOAP vectors, which are scaled to length 1; `average` has no meaning here.
        alpha: entropic penalty; small values approach the best match, large ones the average kernel.
        others: m structures for the rows of a kernel with which `KernelMap.project` works; the same by default.

    Returns:
        Shape (n, n), or (m, n) with others.

    Raises:
        ValueError: if a set is empty or alpha is not above 0.
    """
    from dscribe.kernels import REMatchKernel

    if len(structures) == 0 or (others is not None and len(others) == 0):
        raise ValueError("no structures to compute a RE-Match kernel of")
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha}, must be above 0")
    settings = settings or FingerprintSettings()
    species = structures.species
    local = _unit_rows(structures, settings, species)
    kernel = REMatchKernel(metric="linear", alpha=alpha, threshold=1e-14, normalize_kernel=True)
    if others is None:
        return kernel.create(local)
    return kernel.create(_unit_rows(others, settings, species), local)


def _unit_rows(structures: StructureSet, settings: FingerprintSettings, species: tuple[str, ...]) -> list[np.ndarray]:
    local = local_fingerprints(structures, settings, species)
    return [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in local]
