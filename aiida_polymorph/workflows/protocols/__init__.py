"""Protocols: inputs of the WorkChains that fit together, as data."""
