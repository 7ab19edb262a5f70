"""HarmonicWorkChain: quasi-harmonic Gibbs energy of one phase, without dynamics."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.workflows.free_energy import OneFreeEnergyWorkChain
from aiida_polymorph.workflows.parameters import define_parameters


class HarmonicWorkChain(OneFreeEnergyWorkChain):
    """Compute the quasi-harmonic Gibbs energy of one phase from phonons of several cells."""

    _method = "harmonic"

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs and exit codes."""
        super().define(spec)
        define_parameters(spec)

    def _inputs_of_plan(self) -> dict[str, orm.Data]:
        """Return the nodes that the plan is made of; the method is quasi-harmonic whatever the parameters say."""
        return {**super()._inputs_of_plan(), "method": orm.Str(self._method)}
