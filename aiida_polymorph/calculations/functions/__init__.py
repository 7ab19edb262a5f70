"""Calcfunctions: nodes unwrapped, a science function called, its result wrapped."""
