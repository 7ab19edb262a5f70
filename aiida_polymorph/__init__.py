"""Predict which crystal polymorphs are stable, from random structure searches, with AiiDA."""

__version__ = "0.2.0.dev0"
