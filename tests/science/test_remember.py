"""Results that are remembered within a process."""

from __future__ import annotations

import numpy as np
from ase.build import bulk

from aiida_polymorph.remember import remember


def test_equal_arguments_are_computed_once_and_others_anew() -> None:
    calls = []

    @remember(maxsize=2)
    def volume(atoms, factor=1.0):
        """Return a volume."""
        calls.append(factor)
        return factor * atoms.get_volume()

    first = volume(bulk("Cu"), factor=2.0)
    assert volume(bulk("Cu"), factor=2.0) == first
    assert volume.__doc__ == "Return a volume."
    strained = bulk("Cu")
    strained.set_cell(strained.cell * 1.01)
    assert volume(strained, factor=2.0) != first
    assert calls == [2.0, 2.0]
    volume(bulk("Cu"), factor=3.0)
    volume(bulk("Cu"), factor=4.0)
    assert volume(bulk("Cu"), factor=2.0) == first
    assert calls == [2.0, 2.0, 3.0, 4.0, 2.0]


def test_arrays_count_by_their_numbers() -> None:
    calls = []

    @remember(maxsize=4)
    def total(values):
        calls.append(values)
        return float(np.sum(values))

    assert total(np.arange(3.0)) == total(np.arange(3.0)) == 3.0
    assert total(np.arange(4.0)) == 6.0
    assert len(calls) == 2
