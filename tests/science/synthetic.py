"""Synthetic fingerprints and targets."""

import numpy as np


def unit(points: np.ndarray) -> np.ndarray:
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def landscape(phases: int = 150, copies: int = 2, noise: float = 0.0, seed: int = 0, curve: float = 1.0):
    """Features, targets and labels of synthetic phases with copies; the target is a quadratic form."""
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(99)
    form, line = shared.normal(size=(12, 12)), shared.normal(size=12)
    features = unit(1 + 0.4 * rng.normal(size=(phases, 12)))
    targets = features @ line + curve * np.einsum("ni,ij,nj->n", features, form, features)
    labels = np.repeat(np.arange(phases), copies)
    return features[labels], targets[labels] + noise * rng.normal(size=len(labels)), labels
