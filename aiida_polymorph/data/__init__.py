"""Data nodes of the plugin."""
