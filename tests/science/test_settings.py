"""Settings of an analysis: complete round trip, and what means nothing is refused by name."""

from __future__ import annotations

import json

import pytest

from aiida_polymorph.landscape.settings import AnalysisSettings


def test_defaults_and_round_trip():
    assert AnalysisSettings.from_dict({}) == AnalysisSettings()
    changed = AnalysisSettings.from_dict(
        {"eps": 0.003, "fingerprints": {"average": "all"}, "surrogate": {"members": 4}, "missed_enthalpy": "surrogate"}
    )
    assert (changed.eps, changed.fingerprints.average, changed.fingerprints.cutoff) == (0.003, "all", 4.0)
    assert AnalysisSettings.from_dict({"unseen_windows": [0.2]}).unseen_windows == (0.2,)
    assert (changed.surrogate.members, changed.surrogate.method) == (4, "kernel")
    assert AnalysisSettings.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"epsilon": 1}, "settings: unknown key epsilon; known are fingerprints"),
        ({"surrogate": {"alpha": 1}}, "surrogate: unknown key alpha; known are method"),
        ({"fingerprints": {"nmax": 1}}, "fingerprint settings: unknown key nmax"),
        ({"min_samples": 0}, "min_samples is 0, must be 1 or more"),
        ({"components": 0}, "components is 0"),
        ({"kernel_power": -1}, "kernel_power is -1"),
        ({"symprec": 0.0}, "symprec is 0.0, must be positive"),
        ({"carry_window": -0.1}, "carry_window is -0.1"),
        ({"unseen_windows": [0.1, 0.0]}, "unseen_windows are .0.1, 0.0., must be positive"),
        ({"rattle": float("nan")}, "rattle is nan"),
        ({"eps": 0}, "eps is 0, must be positive, or null"),
        ({"missed_enthalpy": "guess"}, "missed_enthalpy is 'guess', must be relaxed or surrogate"),
        ({"surrogate": {"method": "magic"}}, "method is 'magic', must be one of kernel"),
        ({"surrogate": {"members": 1}}, "members is 1, must be 2 or more"),
        ({"fingerprints": {"cutoff": 0.5}}, "cutoff is 0.5"),
    ],
)
def test_what_is_wrong_is_named(entries, message):
    with pytest.raises(ValueError, match=message):
        AnalysisSettings.from_dict(entries)
