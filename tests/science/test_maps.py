"""The map that an analysis asks for: the settings reach the kernel, and its structures project onto themselves."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_polymorph.landscape.fingerprints import compute_fingerprints
from aiida_polymorph.landscape.kernel_map import kernel_pca, kernel_pca_of_matrix
from aiida_polymorph.landscape.maps import make_map, project
from aiida_polymorph.landscape.rematch import rematch_kernel
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.references import load_references


@pytest.fixture(scope="module")
def titania():
    structures = load_references("TiO2").select([0, 2, 5, 9, 11])
    return structures, compute_fingerprints(structures)


@pytest.mark.parametrize("entries", [{}, {"kernel_power": 3}, {"kernel": "rematch"}])
def test_structures_of_the_map_project_onto_themselves(titania, entries):
    structures, features = titania
    settings = AnalysisSettings.from_dict({"components": 3, **entries})
    pressure_map = make_map(structures, features, settings)
    again = project(pressure_map, structures, features, structures, settings)
    np.testing.assert_allclose(again, pressure_map.coordinates, atol=1e-8)


def test_settings_choose_the_kernel(titania):
    structures, features = titania
    power = make_map(structures, features, AnalysisSettings(components=2, kernel_power=4))
    np.testing.assert_allclose(power.coordinates, kernel_pca(features, 2, 4).coordinates)
    pairs = make_map(structures, features, AnalysisSettings(components=2, kernel="rematch"))
    np.testing.assert_allclose(
        pairs.coordinates, kernel_pca_of_matrix(rematch_kernel(structures), 2).coordinates, atol=1e-10
    )


def test_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel is 'best', must be one of average, rematch"):
        AnalysisSettings(kernel="best")
