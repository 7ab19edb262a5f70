"""Which code makes a number: the definitions that a function or a class reaches in this package, and their digest.

A result may be taken again as long as the code that made it is the same. `science_version` finds that code from the
sources alone, without running anything: starting from a function or a class, every function, class and constant that
it names, that those name in turn, and so on. The rules err on the side of too much:

- a class counts as a whole, with all its methods;
- a name counts wherever it stands, in an annotation or a quoted one as well, and where a local variable shadows it;
- a module that is used as an object, or by an attribute that it does not have, counts as a whole; so does a package
  whose `__file__` or `__path__` is used, with all that is in it;
- statements of a module that do more than define something count as soon as the module is imported, for instance a
  decorator of ours that registers what it decorates;
- what comes in by its name counts too: entry points of AiiDA and of this package, and data classes whose nodes AiiDA
  loads, as soon as one of their methods is named.

Comments, docstrings, formatting and the `help` of inputs do not count. Code of other packages does not count, except
that of plugins which come in through this package's own entry points. `tests/science/test_science_version.py` refuses
constructs which these rules can't see through.
"""

from aiida_polymorph.science_version.reach import (
    UNSURE,
    ScienceVersion,
    changed_since,
    science_version,
    version_of_name,
)
from aiida_polymorph.science_version.sources import Sources, plugin_target

__all__ = [
    "UNSURE",
    "ScienceVersion",
    "Sources",
    "changed_since",
    "plugin_target",
    "science_version",
    "version_of_name",
]
