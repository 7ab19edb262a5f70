"""Quasi-harmonic Gibbs energies over a region: the same as point by point, and as the formula."""

import numpy as np
import pytest
from test_quasi_harmonic import CELLS, CONVENTIONS, PRESSURES, cell, exact

from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic_gibbs import quasi_harmonic
from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic_grid import quasi_harmonic_grid

TEMPERATURES, PLACES = [50.0, 300.0, 1000.0], [-8.0, -1.7, 0.0, 1.0, 9.0]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_grid_is_what_its_points_are(convention):
    grid = quasi_harmonic_grid(CELLS, TEMPERATURES, PLACES, convention)
    for i, temperature in enumerate(TEMPERATURES):
        for j, pressure_gpa in enumerate(PLACES):
            point = quasi_harmonic(CELLS, temperature, pressure_gpa, convention)
            assert grid.reasons[i, j] == point.reason
            got = [grid.gibbs_energy[i, j], grid.enthalpy[i, j], grid.volume[i, j]]
            want = [point.gibbs_energy, point.enthalpy.value, point.volume.value]
            if point.reason:
                assert np.isnan([*got, grid.error[i, j]]).all()
            else:
                assert got == pytest.approx(want, rel=1e-7)
                assert grid.error[i, j] == pytest.approx(point.error, rel=0.1)


def test_the_minimum_of_the_formula():
    grid = quasi_harmonic_grid(CELLS, TEMPERATURES, [0.0, -1.0], "quantum")
    want = [[exact(t, p, "quantum")[0] for p in (0.0, -1.0)] for t in TEMPERATURES]
    assert grid.gibbs_energy == pytest.approx(np.array(want), abs=2e-6)
    assert np.all(grid.error > 1e-6)
    assert np.all(grid.error < 1e-4)


def test_unstable_cells_are_named_where_they_matter():
    cells = [cell(pressure, soft=1 if pressure in (-7.5, -10.0) else 0) for pressure in PRESSURES]
    grid = quasi_harmonic_grid(cells, [300.0, 1000.0], [0.0, -6.5])
    assert grid.reasons[0, 0] == ""
    assert np.isfinite(grid.gibbs_energy[0, 0])
    assert "outside of the cells" in grid.reasons[1, 1]
    assert np.isnan(grid.gibbs_energy[1, 1])
    assert any("imaginary" in remark for remark in grid.remarks)


def test_two_cells_are_too_few():
    grid = quasi_harmonic_grid(CELLS[:2], [300.0], [0.0])
    assert grid.reasons[0, 0] == "2 cells can be used, 3 are needed"


@pytest.mark.parametrize(
    ("temperatures", "pressures_gpa", "convention", "message"),
    [([0.0], [0.0], "unit", "temperature 0.0 K"), ([1.0], [np.nan], "unit", "pressure"), ([1.0], [0.0], "no", "'no'")],
)
def test_bad_input_is_named(temperatures, pressures_gpa, convention, message):
    with pytest.raises(ValueError, match=message):
        quasi_harmonic_grid(CELLS, temperatures, pressures_gpa, convention)
