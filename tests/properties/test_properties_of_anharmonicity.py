"""Gaussian processes of anharmonic parts at any state points: what more knowledge does, and what units do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_polymorph.thermodynamics.surfaces.anharmonic import AnharmonicModel, PointErrors
from aiida_polymorph.thermodynamics.surfaces.departures import Departures
from aiida_polymorph.thermodynamics.surfaces.smooth_kernel import Lengths

PLACES = st.lists(st.tuples(st.floats(50.0, 2000.0), st.floats(-5.0, 80.0)), min_size=1, max_size=4, unique=True)
ERRORS = st.builds(PointErrors, *(st.one_of(st.just(np.nan), st.floats(1e-4, 1e-2)) for _ in range(3)))
MODELS = st.builds(
    lambda t, p, scale, atoms: AnharmonicModel(Departures.none(atoms), Lengths(t, p), scale),
    st.floats(300.0, 3000.0),
    st.floats(5.0, 200.0),
    st.floats(1e-4, 1e-2),
    st.integers(1, 20),
)
T, P = np.array([300.0, 800.0, 1600.0, 1600.0]), np.array([0.0, 30.0, 0.0, 60.0])


@given(MODELS, PLACES, PLACES, ERRORS, ERRORS)
def test_more_points_never_make_an_error_larger(model, places, more, errors, others) -> None:
    once = model.expecting(*np.array(places).T, errors)
    twice = once.expecting(*np.array(more).T, others)
    for before, after in ((model, once), (once, twice)):
        largest = before.evaluate(T, P)
        found = after.evaluate(T, P)
        for name in ("gibbs_error", "enthalpy_error", "volume_error"):
            assert np.all(getattr(found, name) <= getattr(largest, name) * (1 + 1e-6) + 1e-9)


@given(MODELS, PLACES, ERRORS)
def test_the_covariance_is_one_and_has_the_errors_on_its_diagonal(model, places, errors) -> None:
    known = model.expecting(*np.array(places).T, errors)
    covariance = known.covariance(T, P)
    sizes = np.linalg.eigvalsh(covariance)
    assert sizes[0] > -1e-8 * model.covariance(T, P).max()
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(covariance), known.variance(T, P), atol=1e-8 * model.variance(T, P).max())


@given(MODELS, PLACES, st.floats(1e-4, 1e-2), st.floats(-0.1, 0.1), st.integers(2, 5))
def test_a_formula_unit_several_times_as_large_has_everything_as_many_times(model, places, error, value, times) -> None:
    t, p = np.array(places).T
    off = np.full(len(t), np.nan)

    def found(factor):
        seen = np.full(len(t), value * factor), np.full(len(t), error * factor)
        observed = Departures(model.observed.atoms * factor, t, p, *seen, off, off, off, off)
        return AnharmonicModel(observed, model.lengths, model.scale).evaluate(T, P)

    one, several = found(1), found(times)
    for single, multiple in zip(one, several, strict=True):
        assert multiple == pytest.approx(times * single, rel=1e-4, abs=1e-9)
