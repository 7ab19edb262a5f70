"""Chemical potentials: found where found, predicted where missed, absent where there is no minimum."""

from __future__ import annotations

import numpy as np
import pytest
from crystals import crystal, feature

from aiida_polymorph.landscape.prediction import FOUND_SADDLE, LEFT, UNFOUND_SADDLE, EntropyTable, predict
from aiida_polymorph.landscape.pressure_model import PressureModel
from aiida_polymorph.landscape.surrogate import Prediction
from aiida_polymorph.structures import StructureSet

ROWS = (
    # name, pressure, enthalpy per formula unit, state, saddle
    ("found", 20.0, -3.0, "found", 0),
    ("missed", 20.0, -2.0, "missed", 0),
    ("other", 20.0, -1.0, "found", -1),
    ("found", 40.0, 3.0, "missed", 0),
    ("missed", 40.0, 4.0, "found", 1),
    ("other", 40.0, 5.0, "missed", 1),
)
PLACES = np.array([feature(0.1 * i) for i in range(len(ROWS))])
COVARIANCE = np.array([[0.04, 0.01], [0.01, 0.09]])
ENTROPIES = {
    20.0: EntropyTable(("other", "found"), np.array([1.0, 2.0]), COVARIANCE),
    40.0: EntropyTable(("missed",), np.array([0.0]), np.array([[0.25]])),
}


class Line:
    """A surrogate that knows the places of features; beyond a place it extrapolates."""

    def __init__(self, slope: float, error: float, limit: float = 10.0) -> None:
        self.slope, self.error, self.limit = slope, error, limit

    def predict(self, features: np.ndarray) -> Prediction:
        places = np.arctan2(features[:, 1], features[:, 0])
        return Prediction(self.slope * places, np.full(len(places), self.error), places > self.limit)


def model(pressure: float, limit: float = 10.0) -> PressureModel:
    return PressureModel(pressure, enthalpy=Line(100, 0.3, limit), entropy=Line(10, 0.7, limit))


def phases(rows=ROWS, **metadata) -> StructureSet:
    names, pressures, enthalpies, states, saddles = zip(*rows, strict=True)
    columns = {
        "name": names,
        "pressure_gpa": pressures,
        "enthalpy": 2 * np.array(enthalpies),
        "state": states,
        "saddle": saddles,
    }
    return StructureSet.from_atoms([crystal("fcc", 2)] * len(rows), columns, metadata)


def predicted(missed_enthalpy="relaxed", limit=10.0, entropies=ENTROPIES, models=None, **metadata):
    models = models or {pressure: model(pressure, limit) for pressure in ENTROPIES}
    return predict(phases(**metadata), PLACES, entropies, models, missed_enthalpy)


def test_methods_enthalpies_and_volumes():
    result = predicted()
    assert result.names == ("found", "missed", "other")
    assert result.pressures_gpa.tolist() == [20.0, 40.0]
    assert result.method.tolist() == [["basin", "surrogate"], ["surrogate", "basin"], ["basin", "absent"]]
    np.testing.assert_allclose(result.enthalpy[:, 0], [-3, -2, -1])
    np.testing.assert_allclose(result.enthalpy[:2, 1], [3, 4])
    np.testing.assert_array_equal(result.enthalpy_error, 0)
    np.testing.assert_allclose(result.volume[:, 0], 3.6**3 / 4)


def test_entropies_from_counts_and_from_the_surrogate():
    np.testing.assert_allclose(predicted().entropy, [[2.0, 3.0], [1.0, 0.0], [1.0, np.nan]])


def test_covariances_stand_in_the_places_of_their_phases():
    covariance = predicted().entropy_covariance
    np.testing.assert_allclose(covariance[0], [[0.09, 0, 0.01], [0, 0.49, 0], [0.01, 0, 0.04]])
    np.testing.assert_allclose(covariance[1], [[0.49, 0, 0], [0, 0.25, 0], [0, 0, 0]])


def test_saddle_points():
    result = predicted()
    assert result.reason[2, 1] == UNFOUND_SADDLE
    assert result.reason[1, 1] == FOUND_SADDLE
    assert np.isnan(result.evaluate(1000.0, 40.0).mu[2])


def test_phase_that_turns_into_another_is_absent_for_that_reason():
    rows = [row for row in ROWS if row[:2] != ("other", 40.0)]
    table = phases(rows, left=[{"name": "other", "pressure_gpa": 40.0}])
    result = predict(table, PLACES[:5], ENTROPIES, {p: model(p) for p in ENTROPIES})
    assert (result.method[2, 1], result.reason[2, 1]) == ("absent", LEFT)


def test_missed_enthalpies_from_the_surrogate_as_in_the_paper():
    result = predicted("surrogate")
    np.testing.assert_allclose(result.enthalpy[:, 0], [-3, 10, -1])
    np.testing.assert_allclose(result.enthalpy_error[:, 0], [0, 0.3, 0])
    np.testing.assert_allclose(result.enthalpy[:2, 1], [30, 4])


def test_extrapolation_is_told():
    assert "outside" in predicted(limit=0.05).reason[1, 0]
    assert predicted(limit=0.15).reason[1, 0] == ""


def test_undetermined_entropy_is_predicted():
    undetermined = {**ENTROPIES, 20.0: EntropyTable(("other", "found"), np.array([np.nan, 2.0]), COVARIANCE)}
    result = predicted(entropies=undetermined)
    assert result.method[:, 0].tolist() == ["basin", "surrogate", "surrogate"]
    np.testing.assert_allclose(result.entropy[:, 0], [2.0, 1.0, 2.0])
    np.testing.assert_allclose(np.diag(result.entropy_covariance[0]), [0.09, 0.49, 0.49])


def test_without_a_surrogate_the_entropy_is_unknown_and_says_why():
    nothing = {p: PressureModel(p, None, None, "few", "fewer than 8 phases") for p in ENTROPIES}
    result = predicted("surrogate", models=nothing)
    assert np.isnan(result.entropy[1, 0])
    assert result.reason[1, 0] == "fewer than 8 phases"
    assert result.enthalpy[1, 0] == -2.0
    assert np.isfinite(result.evaluate(0.0, 20.0).mu[1])
    assert np.isnan(result.evaluate(300.0, 20.0).mu[1])


@pytest.mark.parametrize("temperature", [0.0, 1000.0])
def test_no_phases(temperature):
    empty = {20.0: EntropyTable((), np.zeros(0), np.zeros((0, 0)))}
    result = predict(StructureSet.from_atoms([]), np.zeros((0, 2)), empty, {20.0: model(20.0)})
    assert result.names == ()
    assert result.evaluate(temperature, 30.0).stable is None
