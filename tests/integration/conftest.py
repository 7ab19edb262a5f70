"""Fixtures for tests with a daemon: SQLite and AiiDA's own ZeroMQ broker."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from aiida.tools.pytest_fixtures import (  # noqa: F401
    aiida_code,
    aiida_code_installed,
    aiida_computer,
    aiida_computer_local,
    aiida_config,
    aiida_config_factory,
    aiida_localhost,
    aiida_profile_factory,
    daemon_client,
    started_daemon_client,
)

MEMORY = Path("/dev/shm")
ENOUGH = 2 * 1024**3
"""Bytes that must be free there."""


@pytest.fixture(scope="session")
def quick_folder():
    """A folder in memory, where there is one: some disks take 20 ms for each of SQLite's many commits."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    with tempfile.TemporaryDirectory(dir=MEMORY if in_memory else None, prefix="aiida-polymorph-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def aiida_profile(aiida_config, aiida_profile_factory, quick_folder):  # noqa: F811
    """A profile whose daemon brings its broker along, and takes jobs of CASTEP from the cache."""
    with aiida_profile_factory(
        aiida_config,
        storage_config={"filepath": str(quick_folder / "storage")},
        broker_backend="core.zeromq",
        broker_config={"supervised_by_daemon": True},
    ) as profile:
        profile.set_option("runner.poll.interval", 10)
        profile.set_option("daemon.timeout", 20)
        profile.set_option("caching.enabled_for", ["aiida.calculations:castep.castep"])
        aiida_config.store()
        yield profile
