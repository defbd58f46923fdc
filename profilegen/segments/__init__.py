"""User vectors to segments: clusters, and what sets them apart."""
