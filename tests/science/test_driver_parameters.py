"""Parameters of a relaxation are checked, and unknown ones refused."""

from __future__ import annotations

import ase.units
import pytest

from aiida_polymorph.relaxation.driver import units
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters


def test_defaults_and_round_trip():
    parameters = RelaxParameters.from_dict({"rattle": 0.02})
    assert (parameters.force_tolerance, parameters.stress_tolerance, parameters.max_force_calls) == (1e-3, 0.01, 2000)
    assert RelaxParameters.from_dict(parameters.to_dict()) == parameters
    assert RelaxParameters.from_dict(None) == RelaxParameters()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"force_tolerence": 1e-3}, "unknown relaxation parameter force_tolerence; known are force_tolerance"),
        ({"force_tolerance": 0.0}, "force_tolerance is 0.0, must be positive"),
        ({"stress_tolerance": -1.0}, "stress_tolerance is -1.0, must be positive"),
        ({"rattle": -0.1}, "rattle is -0.1, must be"),
        ({"max_force_calls": 10.5}, "max_force_calls is 10.5, must be a whole number"),
        ({"max_force_calls": True}, "max_force_calls is True, must be a finite number"),
        ({"max_seconds": float("inf")}, "max_seconds is inf, must be a finite number"),
        ({"force_tolerance": "tight"}, "force_tolerance is 'tight', must be a finite number"),
    ],
)
def test_bad_parameters_are_refused(entries, message):
    with pytest.raises(ValueError, match=message):
        RelaxParameters.from_dict(entries)


def test_units_are_those_of_ase():
    assert pytest.approx(ase.units.GPa, rel=1e-14) == units.GPA
    assert pytest.approx(ase.units.kcal / ase.units.mol, rel=1e-14) == units.KCAL_PER_MOL
