import numpy as np
import pytest

from aiida_polymorph.landscape.kernel_map import kernel_pca_of_matrix
from aiida_polymorph.landscape.rematch import rematch_kernel
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import StructureSet


@pytest.fixture(scope="module")
def structures() -> StructureSet:
    known = load_references("TiO2")
    return known.select([list(known.columns["name"]).index(name) for name in ("rutile", "anatase", "pyrite")])


def test_normalised_symmetric_and_blind_to_the_cell(structures):
    doubled = StructureSet.from_atoms([*structures, structures[0].repeat((2, 1, 1))])
    kernel = rematch_kernel(doubled)
    assert np.allclose(np.diag(kernel), 1)
    assert np.allclose(kernel, kernel.T)
    assert np.isclose(kernel[0, 3], 1)
    assert kernel[0, 1] < 0.999


def test_rows_of_others_project_onto_the_map(structures):
    kernel = rematch_kernel(structures)
    landscape = kernel_pca_of_matrix(kernel, 2)
    rows = rematch_kernel(structures, others=structures.select([2, 0]))
    assert np.allclose(rows, kernel[[2, 0]], atol=1e-8)
    assert np.allclose(landscape.project(rows), landscape.coordinates[[2, 0]], atol=1e-6)


def test_bad_input_is_refused(structures):
    with pytest.raises(ValueError, match="no structures"):
        rematch_kernel(StructureSet.from_atoms([]))
    with pytest.raises(ValueError, match="alpha is 0"):
        rematch_kernel(structures, alpha=0)
