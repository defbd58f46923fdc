"""File formats, each opened as a table of rows: one module a format, one table of them in `registry`."""
