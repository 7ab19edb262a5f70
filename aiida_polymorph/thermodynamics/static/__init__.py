"""Enthalpies without temperature: curves over pressure, transitions, equations of state, ranking."""
