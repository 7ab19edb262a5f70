"""Structure sets from and to files."""
