"""File formats as tables of rows, one module a format."""
