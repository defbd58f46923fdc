"""Where a person reads, checks and corrects profiles: a page, and the same on a terminal."""
