"""Parsers: outputs of CalcJobs to nodes and exit codes."""
