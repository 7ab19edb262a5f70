"""SurrogateData: models of enthalpy and basin entropy at one pressure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from aiida_polymorph.data.record import RecordData

if TYPE_CHECKING:
    from aiida_polymorph.landscape.pressure_model import PressureModel
    from aiida_polymorph.landscape.validation import SplitScores

TARGETS = {"enthalpy": "random", "entropy": "cluster"}
"""What is predicted, and the test whose members are kept to be drawn."""


class SurrogateData(RecordData):
    """Models of enthalpy and basin entropy at one pressure, with their calibration and their test errors.

    Arrays: those of `landscape.surrogate.Surrogate`, and `actual`, `predicted`, `error` of a test, each with
    `enthalpy_` or `entropy_` before its name. Attributes: `pressure_gpa`, `evaluation`, `entropy_evaluation`,
    `enthalpy_reason`, `entropy_reason` (why there is no model).
    """

    @classmethod
    def from_pressure_model(cls, model: PressureModel) -> Self:
        """Make an unstored node."""
        arrays: dict[str, np.ndarray] = {}
        tests = {"enthalpy": model.evaluation, "entropy": model.entropy_evaluation}
        for target, split in TARGETS.items():
            surrogate = getattr(model, target)
            if surrogate is not None:
                arrays |= {f"{target}_{name}": values for name, values in surrogate.to_arrays().items()}
            if tests[target]:
                arrays |= {f"{target}_test_{name}": values for name, values in _members(tests[target][split]).items()}
        return cls.from_record(
            arrays,
            pressure_gpa=model.pressure_gpa,
            evaluation={split: scores.to_dict() for split, scores in model.evaluation.items()},
            entropy_evaluation={split: scores.to_dict() for split, scores in model.entropy_evaluation.items()},
            enthalpy_reason=model.enthalpy_reason,
            entropy_reason=model.entropy_reason,
        )

    def to_pressure_model(self) -> PressureModel:
        """Return the models, without their tests."""
        from aiida_polymorph.landscape.pressure_model import PressureModel
        from aiida_polymorph.landscape.surrogate import Surrogate

        arrays = self.to_arrays()
        models: dict[str, Any] = {}
        for target in TARGETS:
            prefix, test = f"{target}_", f"{target}_test_"
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix) and test not in k}
            models[target] = Surrogate.from_arrays(own) if own else None
        return PressureModel(
            self.value("pressure_gpa"),
            enthalpy_reason=self.value("enthalpy_reason", ""),
            entropy_reason=self.value("entropy_reason", ""),
            **models,
        )

    def parity(self, target: str) -> dict[str, np.ndarray]:
        """Return `actual`, `predicted` and `error` of test members, shape (t,) each, for `enthalpy` or `entropy`."""
        names = ("actual", "predicted", "error")
        return {name: self.get_array(f"{target}_test_{name}") for name in names}


def _members(scores: SplitScores) -> dict[str, np.ndarray]:
    return {"actual": scores.actual, "predicted": scores.predicted, "error": scores.error}
