"""The store: the ledger (SQLite), the index (Chroma), search, and reviewers' decisions."""
