"""Landscape: which minima are the same phase, how often each was found, what the missed ones would be like."""
