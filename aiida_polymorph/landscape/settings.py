"""Settings of an analysis, validated in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from aiida_polymorph.landscape.fingerprints import FingerprintSettings
from aiida_polymorph.landscape.surrogate import METHODS
from aiida_polymorph.plain import refuse_unknown
from aiida_polymorph.search.unseen import WINDOWS

KERNELS = ("average", "rematch")
MISSED_ENTHALPY = ("relaxed", "surrogate")


@dataclass(frozen=True)
class SurrogateSettings:
    """How the surrogate is trained: `kernel`, `ridge` or the paper's `sparse-kernel`, see `surrogate.fit_surrogate`."""

    method: str = "kernel"
    members: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"surrogate: method is {self.method!r}, must be one of {', '.join(METHODS)}")
        if self.members < 2:
            raise ValueError(f"surrogate: members is {self.members}, must be 2 or more for a spread")


@dataclass(frozen=True)
class AnalysisSettings:
    """All that a landscape, its phases and its surrogate depend on, beside the structures.

    Attributes:
        fingerprints: SOAP.
        components: principal components that are kept and clustered on.
        kernel: `average` (of fingerprints), or `rematch` (pairs of atoms; for some hundred structures only) for map
            and clusters; phases are matched by their fingerprints in any case.
        kernel_power: the average kernel is (f . f')**power.
        eps: DBSCAN's distance between unit fingerprints; None: chosen from the gap in the data.
        min_samples: how often a minimum must be found to count as a phase.
        symprec: spglib's tolerance, angstrom.
        carry_window: clusters up to this enthalpy above the lowest (eV per formula unit) are relaxed at the
            other pressures too.
        rattle: displacement of the references (angstrom) in the check for saddle points.
        missed_enthalpy: where the enthalpy of a phase comes from that the search missed: `relaxed` (its structure is
            relaxed at that pressure anyway) or `surrogate` (as in the paper).
        unseen_windows: up to which enthalpies above the lowest (eV per formula unit) the number of minima that the
            search has missed is estimated, beside that of all minima.
        surrogate: how it is trained.

    Raises:
        ValueError: if one is out of range.
    """

    fingerprints: FingerprintSettings = field(default_factory=FingerprintSettings)
    components: int = 10
    kernel: str = "average"
    kernel_power: int = 1
    eps: float | None = None
    min_samples: int = 3
    symprec: float = 0.01
    carry_window: float = 0.5
    rattle: float = 0.02
    missed_enthalpy: str = "relaxed"
    unseen_windows: tuple[float, ...] = WINDOWS
    surrogate: SurrogateSettings = field(default_factory=SurrogateSettings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unseen_windows", tuple(self.unseen_windows))
        for name in ("components", "kernel_power", "min_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"settings: {name} is {getattr(self, name)}, must be 1 or more")
        for name in ("symprec", "carry_window", "rattle"):
            if not getattr(self, name) > 0:
                raise ValueError(f"settings: {name} is {getattr(self, name)}, must be positive")
        if self.kernel not in KERNELS:
            raise ValueError(f"settings: kernel is {self.kernel!r}, must be one of {', '.join(KERNELS)}")
        if self.missed_enthalpy not in MISSED_ENTHALPY:
            raise ValueError(f"settings: missed_enthalpy is {self.missed_enthalpy!r}, must be relaxed or surrogate")
        if not all(window > 0 for window in self.unseen_windows):
            raise ValueError(f"settings: unseen_windows are {list(self.unseen_windows)}, must be positive")
        if self.eps is not None and not self.eps > 0:
            raise ValueError(f"settings: eps is {self.eps}, must be positive, or null to be chosen from the data")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `from_dict` takes them back."""
        return {**asdict(self), "fingerprints": self.fingerprints.to_dict()}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> AnalysisSettings:
        """Build settings from plain values; what is missing takes its default.

        Raises:
            ValueError: if a key is unknown or a value is out of range.
        """
        refuse_unknown(entries, [each.name for each in fields(cls)], "settings")
        surrogate = entries.get("surrogate", {})
        refuse_unknown(surrogate, [each.name for each in fields(SurrogateSettings)], "surrogate")
        nested = {
            "fingerprints": FingerprintSettings.from_dict(entries.get("fingerprints", {})),
            "surrogate": SurrogateSettings(**surrogate),
        }
        return cls(**{**entries, **nested})
