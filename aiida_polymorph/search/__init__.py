"""Random structure search: the recipe, the structures it makes, and how many phases it may have missed."""
