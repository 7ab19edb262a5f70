"""PotentialData: the way to compute energies, in a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_polymorph.data.lammps_potential import potential_of
from aiida_polymorph.potential import Potential

if TYPE_CHECKING:
    from aiida_lammps.data.potential import LammpsPotentialData


class PotentialData(orm.Data):
    """A `Potential` in a node: its entries as attributes for queries, its files as text in the repository."""

    @classmethod
    def from_potential(cls, potential: Potential) -> Self:
        """Make an unstored node of a potential; the node's label is the potential's name."""
        entries = potential.to_dict()
        files = entries.pop("files")
        node = cls(label=potential.name)
        node.base.attributes.set_many(entries)
        for name, text in files.items():
            node.base.repository.put_object_from_bytes(text.encode(), name)
        return node

    @classmethod
    def from_lammps_potential(cls, node: LammpsPotentialData, **settings: Any) -> Self:
        """Make an unstored node of aiida-lammps's node of a potential.

        `calculations.functions.potential.convert_lammps_potential` does the same as a calcfunction, so that the
        provenance keeps the link.

        Args:
            node: of aiida-lammps.
            settings: what that node can't know, such as `charges`: see `data.lammps_potential.potential_of`.

        Raises:
            ValueError: if charges are missing, or it can't be used.
        """
        return cls.from_potential(potential_of(node, **settings))

    def to_potential(self) -> Potential:
        """Return the potential."""
        repository = self.base.repository
        files = {name: repository.get_object_content(name, "r") for name in repository.list_object_names()}
        return Potential.from_dict({**self.base.attributes.all, "files": files})

    def _validate(self) -> bool:
        super()._validate()
        try:
            self.to_potential()
        except ValueError as error:
            raise ValidationError(str(error)) from error
        return True
