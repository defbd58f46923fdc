"""Profiles for people and programs: exports, reports, charts, the map, the terminal."""
