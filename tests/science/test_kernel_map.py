import numpy as np
import pytest

from aiida_polymorph.landscape.kernel_map import kernel_matrix, kernel_pca, kernel_pca_of_matrix


def fingerprints(n: int = 120, d: int = 60, seed: int = 0) -> np.ndarray:
    """Unit rows with positive entries and falling variances, and a few copies, as fingerprints are."""
    rng = np.random.default_rng(seed)
    rows = 1 + rng.standard_normal((n, d)) * 0.8 ** np.arange(d)
    rows[-20:] = rows[:20]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def by_the_book(kernel: np.ndarray, components: int) -> np.ndarray:
    """KPCA of the doubly centred N x N matrix."""
    n = len(kernel)
    centring = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(centring @ kernel @ centring)
    order = np.argsort(values)[::-1][:components]
    return vectors[:, order] * np.sqrt(values[order])


def same_up_to_sign(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a * np.sign(np.sum(a * b, axis=0)) - b).max())


@pytest.mark.parametrize("power", [1, 2, 4, 2.5])
def test_equals_the_matrix_route(power):
    features = fingerprints()
    expected = by_the_book(kernel_matrix(features, power=power), 10)
    found = kernel_pca(features, components=10, power=power)
    assert same_up_to_sign(found.coordinates, expected) < 1e-10
    assert np.allclose(found.variances, np.sum(expected**2, axis=0) / len(features), rtol=1e-9, atol=0)
    kernel = kernel_matrix(features, power=power)
    assert np.isclose(found.total_variance, (np.trace(kernel) - kernel.mean() * len(kernel)) / len(kernel), rtol=1e-9)


def test_blocks_do_not_matter(monkeypatch):
    features = fingerprints()
    whole = kernel_pca(features, 5)
    monkeypatch.setattr("aiida_polymorph.landscape.kernel_map.BLOCK_ELEMENTS", 1000)
    assert np.allclose(kernel_pca(features, 5).coordinates, whole.coordinates, atol=1e-12)


def test_landmarks_give_the_map_of_the_whole_kernel(monkeypatch):
    """Fingerprints of 60 entries with the power 2 span few dimensions: 100 of 120 structures tell them all."""
    features = fingerprints()
    whole = kernel_pca(features, 5, 2)
    monkeypatch.setattr("aiida_polymorph.landscape.kernel_map.WHOLE_KERNEL", 100)
    monkeypatch.setattr("aiida_polymorph.landscape.kernel_map.LANDMARKS", 100)
    monkeypatch.setattr("aiida_polymorph.landscape.kernel_map.BLOCK_ELEMENTS", 10 * 100)
    sizes = []
    power = np.power
    monkeypatch.setattr(np, "power", lambda x, p: sizes.append(np.shape(x)) or power(x, p))
    found = kernel_pca(features, 5, 2)
    assert max(rows * columns for rows, columns in sizes) == 100 * 100
    assert same_up_to_sign(found.coordinates, whole.coordinates) < 1e-3 * np.abs(whole.coordinates).max()
    assert np.allclose(found.variances, whole.variances, rtol=1e-3)
    assert np.isclose(found.total_variance, whole.total_variance, rtol=1e-2)
    assert np.allclose(found.project(features), found.coordinates, atol=1e-10)


def test_single_precision_is_enough_and_saves_memory():
    features = fingerprints()
    single = kernel_pca(features.astype(np.float32), 5)
    assert single.coordinates.dtype == float
    assert np.allclose(single.coordinates, kernel_pca(features, 5).coordinates, atol=1e-6)


@pytest.mark.parametrize("power", [1, 2])
def test_projecting_the_same_structures_gives_their_coordinates(power):
    features = fingerprints()
    found = kernel_pca(features, 6, power)
    assert np.allclose(found.project(features), found.coordinates, atol=1e-10)
    assert found.project(features[3]).shape == (1, 6)


@pytest.mark.parametrize("power", [1, 2])
def test_distances_on_the_map_are_those_of_the_kernel(power):
    features = fingerprints()
    found = kernel_pca(features, 119, power)
    distances = np.linalg.norm(found.coordinates[:, None] - found.coordinates[None], axis=2)
    squared = 2 - 2 * kernel_matrix(features, power=power)
    assert np.allclose(distances**2, squared, atol=1e-10)


def test_projecting_other_structures():
    """The mean of two fingerprints lies half way between them on the map of the linear kernel."""
    features = fingerprints()
    found = kernel_pca(features, 6)
    half_way = found.project((features[:5] + features[5:10]) / 2)
    assert np.allclose(half_way, (found.coordinates[:5] + found.coordinates[5:10]) / 2, atol=1e-12)


def test_map_of_a_matrix_equals_map_of_features():
    features = fingerprints()
    kernel = kernel_matrix(features)
    linear, matrix = kernel_pca(features, 8), kernel_pca_of_matrix(kernel, 8)
    assert same_up_to_sign(matrix.coordinates, linear.coordinates) < 1e-10
    assert np.isclose(matrix.total_variance, linear.total_variance)
    assert np.allclose(matrix.project(kernel), matrix.coordinates, atol=1e-10)


def test_share_of_the_variance():
    found = kernel_pca(fingerprints(), components=0.9)
    assert found.explained.sum() >= 0.9
    assert found.explained[:-1].sum() < 0.9


def test_sign_is_fixed_and_results_are_repeatable():
    features = fingerprints()
    for power in (1, 2):
        first, second = kernel_pca(features, 4, power), kernel_pca(features, 4, power)
        assert np.array_equal(first.coordinates, second.coordinates)
        largest = np.argmax(np.abs(first.axes), axis=0)
        assert (first.axes[largest, np.arange(4)] > 0).all()


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_or_equal_structures(n, power):
    found = kernel_pca(fingerprints()[:n], 10, power)
    assert found.coordinates.shape == (n, max(1, n - 1))
    assert np.isfinite(found.coordinates).all()
    same = kernel_pca(np.repeat(fingerprints()[:1], 5, axis=0), 10, power)
    assert np.abs(same.coordinates).max() < 1e-7
    assert np.isfinite(same.explained).all()


@pytest.mark.parametrize(
    ("features", "arguments", "message"),
    [
        (np.zeros((0, 4)), {}, "no fingerprints"),
        (np.full((3, 4), np.nan), {}, "not finite"),
        (np.eye(3), {"power": 0}, "kernel power is 0"),
        (np.eye(3), {"components": 0}, "components is 0"),
        (np.eye(3), {"components": 0.5, "power": 2}, "components is 0.5"),
    ],
)
def test_bad_input_is_refused(features, arguments, message):
    with pytest.raises(ValueError, match=message):
        kernel_pca(features, **arguments)


def test_wrong_length_of_rows_is_refused():
    with pytest.raises(ValueError, match="features have 3 entries a row, the map was made with 60"):
        kernel_pca(fingerprints(), 2).project(np.ones((1, 3)))
    with pytest.raises(ValueError, match="must be square"):
        kernel_pca_of_matrix(np.ones((2, 3)))
