"""The interface between a DFT scan and a code that computes energies."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, ClassVar, Self

import numpy as np
import yaml
from aiida import orm
from aiida.common.exceptions import EntryPointError
from aiida.engine import ProcessBuilder
from aiida.plugins import WorkflowFactory
from ase import Atoms

from aiida_polymorph.machine import ONE_PROCESS
from aiida_polymorph.protocol_files import merge_inputs, protocol_inputs
from aiida_polymorph.units import GPA


@dataclass(frozen=True)
class Relaxation:
    """One relaxation that an engine is asked for.

    Attributes:
        code: the program.
        structure: start.
        functional: one of the engine's names.
        pressure_gpa: hydrostatic target.
        parameters: settings of the protocol, see `Engine.parameters`.
        symmetry: whether the space group of the start is kept.
        pseudos: pseudopotential of each element, empty for an engine that has none.
        potential: interatomic potential, for an engine that takes one.
        options: of the jobs, as metadata.options of a CalcJob.
        label: of the processes, e.g. `rutile PBE 20 GPa`.
    """

    code: orm.AbstractCode
    structure: orm.StructureData
    functional: str
    pressure_gpa: float
    parameters: Mapping[str, Any]
    symmetry: bool = True
    pseudos: Mapping[str, orm.Data] = field(default_factory=dict)
    potential: orm.Data | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Reading:
    """What a relaxation gave.

    Attributes:
        atoms: the relaxed cell.
        enthalpy: E + PV at the target pressure, eV of the whole cell.
        pressure_tensor: minus the stress, GPa, shape (3, 3): the target on the diagonal where all is relaxed.
    """

    atoms: Atoms
    enthalpy: float
    pressure_tensor: np.ndarray

    def stress_error(self, pressure_gpa: float) -> float:
        """Return the largest component of what is left of the stress beside the target, GPa."""
        return float(np.abs(np.asarray(self.pressure_tensor) - pressure_gpa * np.eye(3)).max())


class Engine(ABC):
    """How a code relaxes a structure at a pressure, through the WorkChain of its own AiiDA plugin.

    A subclass is found by its entry point in the group `aiida_polymorph.engines`. Its protocols are in
    `protocols/NAME.yaml` beside its module, in the form of `aiida_polymorph.protocol_files`, and are called `fast`,
    `moderate`, `precise` and, where published settings are repeated, `paper`, so that one name fits all engines; what
    is in them is the engine's own.
    """

    name: ClassVar[str]
    """As the user writes it."""
    process: ClassVar[str]
    """Entry point of the WorkChain that relaxes a structure, in `aiida.workflows`."""
    install: ClassVar[str]
    """What to type where that plugin is missing."""
    code_plugin: ClassVar[str]
    """Entry point of the CalcJob for which the code is set up."""
    functionals: ClassVar[Mapping[str, str]]
    """Name as the user writes it -> the code's own; empty where the potential says what is computed."""
    outputs: ClassVar[tuple[str, ...]]
    """Outputs of the WorkChain that `read` needs."""
    uses_pseudos: ClassVar[bool] = True
    """Whether it needs a pseudopotential of each element."""

    _call: Callable[..., Any] | None = None

    def called_by(self, call: Callable[..., Any]) -> Self:
        """Return this engine for use within a WorkChain, which calls the calcfunctions that `call` is asked for.

        Args:
            call: takes label, calcfunction and its inputs, and does what a step may do that is repeated.
        """
        engine = copy.copy(self)
        engine._call = call
        return engine

    def call(self, label: str, function: Callable[..., Any], **inputs: Any) -> Any:
        """Return what a calcfunction gives; `builder` and `structure` call theirs through this.

        A step of the scan that is repeated after a crash then finds what was made before, instead of making it twice.

        Args:
            label: says which of the engine's calls this is; letters, digits and underscores.
            function: a calcfunction.
            inputs: of the calcfunction.
        """
        return self._call(label, function, **inputs) if self._call else function(**inputs)

    def check_plugin(self) -> None:
        """Do nothing if the plugin is there.

        Raises:
            ValueError: if it is not.
        """
        try:
            WorkflowFactory(self.process)
        except (EntryPointError, ImportError) as error:
            raise ValueError(f"engine {self.name!r} needs {self.install} ({error})") from error

    def new_builder(self) -> Any:
        """Return an empty builder of the WorkChain that relaxes a structure; its entries are the plugin's own."""
        return WorkflowFactory(self.process).get_builder()  # type: ignore[union-attr]

    def content(self) -> dict[str, Any]:
        """Return what the file of protocols holds."""
        package = type(self).__module__.rpartition(".")[0]
        return yaml.safe_load((resources.files(package) / "protocols" / f"{self.name}.yaml").read_text())

    def parameters(self, protocol: str | None = None, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings of a protocol with overrides put in; an entry set to None is taken out.

        Raises:
            ValueError: if there is no such protocol.
        """
        return merge_inputs(protocol_inputs(self.content(), protocol), overrides or {})

    def functional(self, name: str) -> str:
        """Return the engine's spelling of a functional, whatever the case it is written in.

        Raises:
            ValueError: if the engine doesn't have it.
        """
        known = {each.lower(): each for each in self.functionals}
        if self.functionals and name.lower() not in known:
            raise ValueError(f"{self.name} has no functional {name!r}; it has {', '.join(self.functionals)}")
        return known.get(name.lower(), name)

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the parameters, None if nothing."""
        known = set(self.content()["default_inputs"])
        unknown = sorted(set(parameters) - known)
        if unknown:
            return f"parameters: {self.name} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        return None

    @abstractmethod
    def pseudopotentials(
        self, functional: str, elements: Sequence[str], parameters: Mapping[str, Any]
    ) -> dict[str, orm.Data]:
        """Return the pseudopotential of each element that the parameters ask for; empty if the engine has none.

        Raises:
            ValueError: if there is none of an element.
        """

    @abstractmethod
    def builder(self, relaxation: Relaxation) -> ProcessBuilder:
        """Return the builder of the WorkChain `process` for a relaxation."""

    @abstractmethod
    def structure(self, process: orm.ProcessNode) -> orm.StructureData | None:
        """Return the last structure of a terminated process, also of one that failed; None if there is none."""

    @abstractmethod
    def read(self, outputs: Mapping[str, orm.Data], pressure_gpa: float) -> Reading:
        """Return what a finished process gave, from the nodes named in `outputs`.

        It runs within a calcfunction: nothing but the nodes may be used.

        Raises:
            ValueError: if something is missing; the message becomes the reason of the point.
        """


def enthalpy(energy: float, atoms: Atoms, pressure_gpa: float) -> float:
    """Return E + PV in eV of the whole cell, for E in eV."""
    return energy + pressure_gpa * GPA * atoms.get_volume()


def job_options(relaxation: Relaxation) -> dict[str, Any]:
    """Return the options of a job: one process unless others are asked for, with MPI as its code says."""
    mpi = {} if relaxation.code.with_mpi is None else {"withmpi": relaxation.code.with_mpi}
    return {"resources": dict(ONE_PROCESS), **mpi, **relaxation.options}


def by_kind(structure: orm.StructureData, pseudos: Mapping[str, orm.Data]) -> dict[str, orm.Data]:
    """Return the pseudopotential of each kind of a structure."""
    return {kind.name: pseudos[kind.symbol] for kind in structure.kinds}
