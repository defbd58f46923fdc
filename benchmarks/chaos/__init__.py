"""Disasters of every kind, brought upon builds on purpose, and whether the next build puts everything right."""
