"""The stages of a build, in order, resumable and incremental."""
