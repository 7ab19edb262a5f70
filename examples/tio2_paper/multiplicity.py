"""In how many distinct ways random cells can end in one phase: what a find owes to symmetry rather than to entropy.

A random cell holds n labelled formula units in a basis of its own. The cells that are phase A, whose primitive cell
has p formula units, form one family for each sublattice of index m = n / p of its lattice and each labelling of the
atoms. Rotations of the point group P map families onto each other and translations by the m lattice vectors in the
cell relabel atoms, so that A owns

    (number of sublattices of index m) / (m |P|)

families, times n! (2n)! and the like, which all phases share. The paper (arXiv:1909.08934, section III B) leaves this
factor out: for small n it is what distinguishes phases most, since it is shared out over n formula units only.
"""

from __future__ import annotations

import numpy as np


def sublattices(index: int) -> int:
    """Return the number of sublattices of this index of a lattice in three dimensions: 1, 7, 13, 35, 31, 91, ...

    They are counted as Hermite normal forms: the sum of b c^2 over all a b c = index (Hart and Forcade, Phys. Rev. B
    77, 224115 (2008)).

    Raises:
        ValueError: if the index is below 1.
    """
    if index < 1:
        raise ValueError(f"index is {index}, must be 1 or more")
    return sum(b * (index // (a * b)) ** 2 for a in _divisors(index) for b in _divisors(index // a))


def log_multiplicity(sizes: np.ndarray, primitive: np.ndarray, point_group_order: np.ndarray) -> np.ndarray:
    """Return ln of the number of families of cells that are each phase, up to a constant for each size.

    Args:
        sizes: numbers of formula units n, shape (sizes,).
        primitive: formula units p of each phase's primitive cell, shape (phases,).
        point_group_order: |P| of each phase, 1 to 48, shape (phases,).

    Returns:
        ln(sublattices(n / p) p / (n |P|)), shape (phases, sizes); where p does not divide n, as if it were the only
        such cell, p / n = 1.

    Raises:
        ValueError: if a number is below 1 or the shapes don't match.
    """
    sizes, primitive, order = (np.asarray(each, dtype=int) for each in (sizes, primitive, point_group_order))
    if primitive.shape != order.shape:
        raise ValueError(
            f"primitive has shape {primitive.shape} and point_group_order {order.shape}, expected the same"
        )
    if min(sizes.min(initial=1), primitive.min(initial=1), order.min(initial=1)) < 1:
        raise ValueError("sizes, primitive and point_group_order must be 1 or more")
    whole = sizes % primitive[:, None] == 0
    index = np.where(whole, sizes // primitive[:, None], 1)
    count = np.array([sublattices(int(m)) for m in index.ravel()]).reshape(index.shape)
    return np.log(count / index) - np.log(order)[:, None]


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
