"""BasinEntropyData: basin entropies of the phases found at one pressure."""

from __future__ import annotations

import numpy as np

from aiida_polymorph.data.record import RecordData


class BasinEntropyData(RecordData):
    """Basin entropies of the phases found at one pressure, kB per formula unit, with their covariance.

    Arrays, for f phases and k numbers of formula units: `entropy`, `error`, `component` (f,), `covariance` (f, f),
    `constants`, `sizes` (k,), `counts` (f, k). Attributes: `names`, `reason` (why an entropy is nan), `components`,
    `overdispersion`, `overdispersion_error`, `chi2_per_dof`, `pressure_gpa`.
    """

    @property
    def names(self) -> list[str]:
        """Names of the phases, in the order of the arrays."""
        return self.value("names", [])

    def by_name(self) -> dict[str, tuple[float | None, float | None]]:
        """Return entropy and error of each phase, None where the counts do not determine it."""
        if not self.names:
            return {}
        pairs = zip(self.get_array("entropy").tolist(), self.get_array("error").tolist(), strict=True)
        known = [(value, error) if np.isfinite(value) else (None, None) for value, error in pairs]
        return dict(zip(self.names, known, strict=True))

    def reasons(self) -> dict[str, str]:
        """Return why the entropy of a phase is not determined, for the phases of which it is not."""
        given = self.value("reason") or [""] * len(self.names)
        return {name: reason for name, reason in zip(self.names, given, strict=True) if reason}

    def to_table(self) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        """Return names, entropies (f,) and their covariance (f, f)."""
        if not self.names:
            return (), np.zeros(0), np.zeros((0, 0))
        return tuple(self.names), self.get_array("entropy"), self.get_array("covariance")
