"""The region of a phase diagram."""

import numpy as np
import pytest

from aiida_polymorph.thermodynamics.surfaces.region import Region


def test_the_grid_reaches_from_end_to_end_in_steps_that_are_small_enough():
    temperatures, pressures_gpa = Region((300, 2000), (0, 70)).grid()
    assert (temperatures[0], temperatures[-1], pressures_gpa[0], pressures_gpa[-1]) == (300, 2000, 0, 70)
    assert np.diff(temperatures).max() <= 340
    assert np.diff(pressures_gpa).max() <= 5
    assert [len(each) for each in Region((300, 400), (0, 1)).grid()] == [5, 7]


def test_it_survives_as_plain_values():
    region = Region((300, 2000), (0, 70))
    assert Region.from_dict(region.to_dict()) == region


@pytest.mark.parametrize(
    ("temperatures", "pressures_gpa", "message"),
    [
        ((0, 300), (0, 1), "starts at 0 K"),
        ((300, 300), (0, 1), "temperatures is .*lowest and the highest, in K"),
        ((300, 400), (1, 0), "pressures_gpa is .*in GPa"),
        ((300, np.inf), (0, 1), "temperatures"),
        ((300, 400, 500), (0, 1), "temperatures"),
    ],
)
def test_bad_regions_are_refused(temperatures, pressures_gpa, message):
    with pytest.raises(ValueError, match=message):
        Region(temperatures, pressures_gpa)


def test_entries_are_named():
    with pytest.raises(ValueError, match="must have the entries temperatures, pressures_gpa, it has none"):
        Region.from_dict({})
