"""The tables of a ledger, as SQL."""

SCHEMA_VERSION = 1

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY CHECK (id <> ''),
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    hash BLOB NOT NULL,
    embedded_hash BLOB NOT NULL,
    record TEXT NOT NULL,
    text_vector BLOB,
    item_vector BLOB
);
CREATE INDEX documents_user ON documents (user_id);
CREATE INDEX documents_missing ON documents (id) WHERE text_vector IS NULL AND item_vector IS NULL;
CREATE TABLE users (user_id TEXT PRIMARY KEY, language TEXT NOT NULL, hash TEXT NOT NULL, vector BLOB);
CREATE TABLE profiles (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    hash TEXT NOT NULL,
    status TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE TABLE claims (
    user_id TEXT NOT NULL REFERENCES profiles ON DELETE CASCADE,
    kind TEXT NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    support REAL NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (user_id, kind, position)
);
CREATE TABLE memberships (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    segment_id TEXT NOT NULL,
    confidence REAL NOT NULL,
    assigned INTEGER NOT NULL
);
CREATE TABLE segments (id TEXT PRIMARY KEY, hash TEXT NOT NULL, record TEXT NOT NULL, vector BLOB);
CREATE TABLE builds (id INTEGER PRIMARY KEY, finished TEXT NOT NULL, report TEXT NOT NULL);
"""

ADDED = """
CREATE TABLE IF NOT EXISTS decisions (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    undoes TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decisions_on ON decisions (user_id, kind, text, at);
CREATE TABLE IF NOT EXISTS audiences (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audience_users (
    name TEXT NOT NULL REFERENCES audiences ON DELETE CASCADE,
    position INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (name, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS points (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    x REAL NOT NULL,
    y REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS near_segments (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    near TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clustered (
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    hash TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS interest_categories (
    user_id TEXT NOT NULL REFERENCES profiles ON DELETE CASCADE,
    category TEXT NOT NULL,
    PRIMARY KEY (user_id, category)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS readings (
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    hash TEXT NOT NULL,
    record TEXT NOT NULL,
    checked_by TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (user_id, hash)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY,
    build INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    what TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS history_of ON history (user_id, id);
CREATE INDEX IF NOT EXISTS history_build ON history (build);
CREATE TABLE IF NOT EXISTS forgotten (hash BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_said ON claims (kind, text);
CREATE INDEX IF NOT EXISTS claims_support ON claims (support, user_id);
CREATE INDEX IF NOT EXISTS profiles_failed ON profiles (user_id) WHERE status = 'failed';
"""
"""What came to the ledger after its first version; made when a ledger without it is opened to write."""
