"""Figures, the HTML page and the explanation of a number."""
