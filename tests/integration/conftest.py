"""Fixtures for tests with a daemon: SQLite and AiiDA's own ZeroMQ broker."""

from __future__ import annotations

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


@pytest.fixture(scope="session", autouse=True)
def aiida_profile(aiida_config, aiida_profile_factory):  # noqa: F811
    """A profile whose daemon brings its broker along."""
    with aiida_profile_factory(
        aiida_config, broker_backend="core.zeromq", broker_config={"supervised_by_daemon": True}
    ) as profile:
        profile.set_option("runner.poll.interval", 1)
        profile.set_option("daemon.timeout", 20)
        aiida_config.store()
        yield profile
