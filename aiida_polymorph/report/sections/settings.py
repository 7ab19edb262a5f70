"""With which settings everything was made."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.sections.interface import Section
from aiida_polymorph.report.tables import Table, settings_table


class SettingsSection(Section):
    """Recipe, minimiser, potential and analysis."""

    anchor = "settings"
    heading = "Settings"
    missing = "No settings were handed over."

    def tables(self) -> Sequence[Table]:
        """Return all settings, nested ones with their path."""
        return (settings_table(self.data.settings),)
