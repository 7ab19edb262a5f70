"""Nodes of an analysis: what goes in comes out, and what is unknown stays unknown."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from aiida import orm

from aiida_polymorph.calculations.functions.pressures import flatten, pressure_key, unflatten
from aiida_polymorph.data.basin_entropy import BasinEntropyData
from aiida_polymorph.data.landscape import LandscapeData, map_arrays
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.surrogate import SurrogateData
from aiida_polymorph.landscape.clusters import Cluster
from aiida_polymorph.landscape.kernel_map import kernel_pca
from aiida_polymorph.landscape.pressure_model import PressureModel
from aiida_polymorph.landscape.surrogate import fit_surrogate
from aiida_polymorph.landscape.validation import evaluate
from aiida_polymorph.plain import plain

CLUSTER = Cluster(0, 3, 5, {2: 3, 4: 2}, 1, -36.0, 1e-6, 28.0, 1e-4, "Pa-3", False)


@pytest.mark.parametrize(
    ("pressure", "key"),
    [(20.0, "gpa_20"), (2.5, "gpa_2_5"), (-5.0, "gpa_m5"), (0.0, "gpa_0"), (1e-5, "gpa_1em05"), (1e20, "gpa_1e20")],
)
def test_pressure_keys_name_links(pressure, key):
    assert pressure_key(pressure) == key
    assert key.isidentifier()


def test_flattened_nodes_come_back_by_rising_pressure():
    nodes = {key: RecordData.from_record({}, pressure_gpa=p) for key, p in (("gpa_100", 100.0), ("gpa_20", 20.0))}
    others = {key: RecordData.from_record({}) for key in nodes}
    flat = flatten({"landscape": nodes, "fingerprints": others})
    assert set(flat) == {f"{role}__{key}" for role in ("landscape", "fingerprints") for key in nodes}
    back = unflatten(flat)
    assert list(back) == ["gpa_20", "gpa_100"]
    assert back["gpa_20"] == {"landscape": nodes["gpa_20"], "fingerprints": others["gpa_20"]}


def test_plain_values():
    assert plain({1: np.float64("nan"), "b": (np.int64(2), np.bool_(True), np.array([1.5, np.inf]))}) == {
        "1": None,
        "b": [2, True, [1.5, None]],
    }


@pytest.mark.parametrize(
    "cluster",
    [
        CLUSTER,
        replace(CLUSTER, primitive_formula_units=None),
        replace(CLUSTER, enthalpy_per_formula_unit=np.nan, enthalpy_spread=np.nan),
    ],
)
def test_clusters_survive_storing(cluster):
    node = LandscapeData.from_record({}, pressure_gpa=20.0, eps={"eps": 1e-3}, clusters=[asdict(cluster)]).store()
    (loaded,) = orm.load_node(node.pk).clusters
    assert repr(loaded) == repr(cluster)


def test_entropies_by_name():
    arrays = {"entropy": np.array([1.0, np.nan]), "error": np.array([0.1, np.nan]), "covariance": np.eye(2)}
    node = BasinEntropyData.from_record(arrays, names=["a", "b"])
    assert node.by_name() == {"a": (1.0, 0.1), "b": (None, None)}
    assert node.to_table()[0] == ("a", "b")
    nothing = BasinEntropyData.from_record({}, names=[])
    assert nothing.by_name() == {}
    assert nothing.to_table()[2].shape == (0, 0)


@pytest.mark.parametrize("method", ["kernel", "ridge", "sparse-kernel"])
def test_surrogates_predict_the_same_after_storing(method):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(30, 4))
    targets = features @ np.arange(4.0)
    surrogate = fit_surrogate(features, targets, method=method, members=2, species=("O", "Ti"))
    scores = evaluate(features, targets, groups=np.repeat(np.arange(10), 3), method=method, members=2)
    model = PressureModel(20.0, surrogate, None, "", "too few phases", scores)
    node = orm.load_node(SurrogateData.from_pressure_model(model).store().pk)
    loaded = node.to_pressure_model()
    assert (loaded.pressure_gpa, loaded.entropy, loaded.entropy_reason) == (20.0, None, "too few phases")
    assert (loaded.enthalpy.species, loaded.enthalpy.method) == (("O", "Ti"), method)
    for before, after in zip(
        vars(surrogate.predict(features)).values(), vars(loaded.enthalpy.predict(features)).values(), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(node.parity("enthalpy")["actual"], scores["random"].actual)
    assert node.value("evaluation")["cluster"]["rmse"] == pytest.approx(scores["cluster"].rmse)
    assert node.value("entropy_evaluation") == {}


@pytest.mark.parametrize("power", [1, 4])
def test_a_landscape_gives_its_map_back(power):
    rng = np.random.default_rng(0)
    features = rng.random((30, 12))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    made = kernel_pca(features, 3, power)
    arrays = {"coordinates": made.coordinates, "variances": made.variances}
    settings = {"kernel": "average", "kernel_power": power}
    old = LandscapeData.from_record(arrays, settings=settings)
    assert old.to_map() is None
    node = LandscapeData.from_record(arrays | map_arrays(made), settings=settings, total_variance=made.total_variance)
    found = orm.load_node(node.store().pk).to_map()
    assert np.allclose(found.project(features[:5]), made.coordinates[:5], atol=1e-6)
    assert np.allclose(found.explained, made.explained)
