"""The example's judgement of estimates, on made-up entropies."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "tio2_paper"))

from estimates import centred, judge

PRESSURES = np.repeat([0.0, 20.0], 12)
NAMES = np.tile([f"phase-{i}" for i in range(12)], 2)
RNG = np.random.default_rng(3)
ENTHALPY = RNG.normal(size=24)
NOISE = RNG.normal(scale=0.1, size=24)
NONE = np.zeros((24, 0))


def test_an_exact_law_is_found_whatever_the_constants():
    truth = 2.0 * ENTHALPY + np.where(PRESSURES > 0, 5.0, -1.0)
    got = judge(np.zeros(24), ENTHALPY[:, None], truth, NAMES, PRESSURES)
    assert (got.phases, got.rmse) == (24, pytest.approx(0, abs=1e-9))
    assert got.correlation == pytest.approx(1)
    assert got.parameters == pytest.approx((2.0,))


def test_the_part_without_parameters_is_taken_as_it_is():
    got = judge(3.0 * ENTHALPY, NONE, 2.0 * ENTHALPY, NAMES, PRESSURES)
    assert got.rmse > 0.5
    assert got.correlation == pytest.approx(1)


def test_phases_are_left_out_at_all_pressures():
    """A phase with the same error at both pressures can't be predicted from itself at the other one."""
    own = np.tile(RNG.normal(size=12), 2)
    own_variable = (NAMES == "phase-0").astype(float)[:, None]
    with_it = judge(np.zeros(24), own_variable, own * own_variable[:, 0], NAMES, PRESSURES)
    assert with_it.rmse == pytest.approx(abs(own[0]) / np.sqrt(12), rel=1e-6)


def test_entries_without_a_value_are_not_judged():
    truth = ENTHALPY.copy()
    truth[3] = np.nan
    assert judge(np.zeros(24), NONE, truth, NAMES, PRESSURES).phases == 23


def test_centred_per_pressure():
    values = centred(np.arange(24.0), PRESSURES)
    assert values[:12].mean() == pytest.approx(0)
    assert values[12:].mean() == pytest.approx(0)
