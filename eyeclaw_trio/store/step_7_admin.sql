-- Who may see the pages: one owner, the browsers that are signed in, the tokens of scripts.
-- Of every secret there is a digest only; a password's is slow on purpose (admin/passwords).

CREATE TABLE admin_owner (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    password   TEXT    NOT NULL,
    changed_at TEXT    NOT NULL
);

CREATE TABLE admin_sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    digest       BLOB    NOT NULL UNIQUE,  -- SHA-256
    address      TEXT    NOT NULL,
    browser      TEXT    NOT NULL,
    created_at   TEXT    NOT NULL,
    last_seen_at TEXT    NOT NULL,
    expires      REAL    NOT NULL          -- a reading of the trace clock, which never jumps
);

CREATE TABLE admin_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    digest       BLOB    NOT NULL UNIQUE,  -- SHA-256
    created_at   TEXT    NOT NULL,
    last_used_at TEXT
);
