"""BasinEntropyData: see the class."""

from __future__ import annotations

from aiida_polymorph.data.record import RecordData


class BasinEntropyData(RecordData):
    """Basin entropies of the phases found at one pressure, with their covariance."""
