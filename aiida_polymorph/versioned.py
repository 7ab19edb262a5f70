"""Calcfunctions and jobs whose results are taken again only while the code that makes them is the same.

`calcfunction` stands in for AiiDA's decorator of that name; a CalcJob or a Parser has `CACHE_VERSION = CodeVersion()`
in its class. AiiDA's caching then follows the code that they reach in this package: see `science_version`. WorkChains,
which AiiDA does not cache, have the mixin: their nodes tell which code they and their steps were.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from aiida import orm
from aiida.engine import calcfunction as plain_calcfunction
from aiida.engine.processes.functions import FunctionProcess, ProcessFunctionType
from aiida.engine.processes.process import Process

from aiida_polymorph.science_version import UNSURE, ScienceVersion, science_version

SCIENCE_VERSION = "science_version"
"""Attribute of the node of a calcfunction or WorkChain: digest of the code that it reached, its steps included."""
DIGESTS = (f"attributes.{SCIENCE_VERSION}", "attributes.cache_version.calc_job", "attributes.cache_version.parser")
"""Where the digests of calcfunctions and WorkChains, and of jobs are, for queries."""

P = ParamSpec("P")
R = TypeVar("R")


def calcfunction(function: Callable[P, R]) -> ProcessFunctionType[P, R, orm.CalcFunctionNode]:
    """Turn a function into a calcfunction whose node says which code made its outputs.

    Its node has the attribute `science_version`, and as source file a listing of the code that it reaches in this
    package, without comments and docstrings, instead of the whole file that it stands in: both are in AiiDA's hash.
    """
    decorated = plain_calcfunction(function)
    process: type[FunctionProcess] = decorated.process_class  # type: ignore[assignment]
    process._setup_db_record = _set_up  # type: ignore[method-assign]
    return decorated


def _set_up(self: FunctionProcess) -> None:
    """Set up the node as AiiDA does, with the code reached as its source."""
    try:
        version = science_version(self._func)
    except LookupError:  # defined in a notebook or a script
        FunctionProcess._setup_db_record(self)
        return
    Process._setup_db_record(self)
    _store_source(self.node, self._func, version)


def _store_source(node: orm.ProcessNode, function: Callable[..., Any], version: ScienceVersion) -> None:
    assert isinstance(node, orm.CalcFunctionNode)
    node.base.attributes.set_many(
        {
            SCIENCE_VERSION: version.digest,
            node.FUNCTION_NAME_KEY: function.__name__,
            node.FUNCTION_NAMESPACE_KEY: function.__module__,
            node.FUNCTION_STARTING_LINE_KEY: version.starting_line,
            node.FUNCTION_NUMBER_OF_LINES_KEY: version.lines,
        }
    )
    node.base.repository.put_object_from_bytes(version.listing.encode(), node.FUNCTION_SOURCE_FILE_PATH)


class VersionedMixin:
    """A WorkChain whose node says which code it and the steps that it may start reached when it was begun."""

    node: Any

    def _setup_version_info(self) -> dict[str, Any]:
        info: dict[str, Any] = super()._setup_version_info()  # type: ignore[misc]
        with suppress(LookupError):  # a subclass in a notebook or a script
            self.node.base.attributes.set(SCIENCE_VERSION, science_version(type(self)).digest)
        return info


class CodeVersion:
    """`CACHE_VERSION` of a CalcJob or Parser: digest of the code that it reaches, found when it is first read."""

    def __get__(self, instance: object | None, owner: type) -> str:
        """Return the digest of the code of the class that it is read from."""
        return science_version(owner).digest


def ran_unsure_code(node: orm.ProcessNode) -> bool:
    """Return whether a process, or one that it called at whatever depth, can't say which code it ran."""
    unsure = {"or": [{path: {"like": f"{UNSURE}%"}} for path in DIGESTS]}
    level = [node.pk]
    while level:
        children = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": {"in": level}}, tag="caller")
        children.append(orm.ProcessNode, with_incoming="caller", project="id")
        level = children.all(flat=True)
        if (
            level
            and orm.QueryBuilder().append(orm.ProcessNode, filters={"and": [{"id": {"in": level}}, unsure]}).count()
        ):
            return True
    return False
