"""What nodes hold, as rows, views and explanations.

The one home of the JSON interface, of the tables beside it and of what a page or a figure is given.
"""
