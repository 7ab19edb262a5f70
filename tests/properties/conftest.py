"""The same examples in each run, few enough to be quick; HYPOTHESIS_PROFILE=long draws many others."""

import os

from hypothesis import HealthCheck, settings

SHARED = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", derandomize=True, max_examples=50, **SHARED)
settings.register_profile("long", max_examples=1000, **SHARED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
