"""Units against CODATA."""

from __future__ import annotations

import pytest

from aiida_polymorph.units import GPA, KB, KCAL_PER_MOL


def test_units():
    assert pytest.approx(8.617333262e-5, rel=1e-6) == KB
    assert pytest.approx(160.2176634, rel=1e-6) == 1 / GPA
    assert pytest.approx(23.060548, rel=1e-6) == 1 / KCAL_PER_MOL
    assert pytest.approx(0.0019872036, rel=1e-6) == KB / KCAL_PER_MOL
