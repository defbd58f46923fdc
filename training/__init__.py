"""Data and scripts to train profilegen's own small models."""
