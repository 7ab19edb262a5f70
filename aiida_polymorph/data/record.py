"""RecordData: arrays and plain values of one result, in one node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from aiida import orm

from aiida_polymorph.plain import plain


class RecordData(orm.ArrayData):
    """Arrays of one result, with plain values as attributes so that they can be queried."""

    @classmethod
    def from_record(cls, arrays: Mapping[str, np.ndarray], **attributes: Any) -> Self:
        """Make a node of arrays and attributes; nan becomes None in an attribute, since databases refuse it."""
        node = cls()
        for name, values in arrays.items():
            node.set_array(name, np.asarray(values))
        node.base.attributes.set_many({name: plain(value) for name, value in attributes.items()})
        return node

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        return {name: self.get_array(name) for name in self.get_arraynames()}

    def value(self, name: str, default: Any = None) -> Any:
        """Return a plain value by name."""
        return self.base.attributes.get(name, default)
