"""Which phases can be compared: chains of phases that were found at the same formula-unit count."""

from __future__ import annotations

import numpy as np


def components_of(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label the connected components of phases and sizes; a phase and a size at which it was found are connected.

    Args:
        counts: how often each phase was found at each size, shape (phases, sizes).

    Returns:
        Component of each phase, shape (phases,), and of each size, shape (sizes,); 0 is the component with most
        phases (most finds where equal), and -1 marks a phase or a size with no find at all.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    phases, sizes = counts.shape
    row, column = np.nonzero(counts)
    graph = coo_array((np.ones(len(row)), (row, phases + column)), shape=(phases + sizes,) * 2)
    labels = connected_components(graph, directed=False)[1]
    finds = np.concatenate([counts.sum(axis=1), counts.sum(axis=0)])
    in_component = np.bincount(labels[:phases], minlength=labels.max() + 1)
    order = np.lexsort((-np.bincount(labels, weights=finds), -in_component))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    ranked = np.where(finds > 0, rank[labels], -1)
    return ranked[:phases], ranked[phases:]
