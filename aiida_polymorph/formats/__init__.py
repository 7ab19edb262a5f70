"""Structure files in and out."""

from aiida_polymorph.formats.files import read_structures, write_structures

__all__ = ["read_structures", "write_structures"]
