"""EvaluateSetCalculation: energies, forces and stresses of many structures in one job."""

from __future__ import annotations

from pathlib import Path

from aiida_polymorph.calculations.set_job import SetCalculation
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.relaxation.driver.job import EVALUATE
from aiida_polymorph.relaxation.jobs import write_job


class EvaluateSetCalculation(SetCalculation):
    """Compute energy, forces and stress of many structures as they are."""

    _parser = "polymorph.evaluate_set"

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define outputs and exit codes."""
        super().define(spec)
        spec.output(
            "evaluations",
            valid_type=EvaluationsData,
            required=False,
            help="Energies, forces and stresses; of failed structures the reason.",
        )
        spec.exit_code(
            320,
            "ERROR_ALL_FAILED",
            invalidates_cache=True,
            message="none of {asked} structures could be evaluated; most frequent reason: {reason}",
        )

    def _write(self, folder: Path, processes: int, wall_seconds: float | None) -> None:
        structures, potential = self.inputs.structures.to_set(), self.inputs.potential.to_potential()
        write_job(folder, structures, potential, 0.0, None, processes, wall_seconds, EVALUATE)
