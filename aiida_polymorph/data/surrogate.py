"""SurrogateData: see the class."""

from __future__ import annotations

from aiida_polymorph.data.record import RecordData


class SurrogateData(RecordData):
    """Models of enthalpy and basin entropy at one pressure, with their calibration and their test errors."""
