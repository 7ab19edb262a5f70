"""CalcJobs, and in `functions` the science wrapped for provenance."""
