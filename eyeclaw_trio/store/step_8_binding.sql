-- Codes that bind a wearer to a bot, each once; of the code there is a digest only.

CREATE TABLE binding_codes (
    digest     BLOB    PRIMARY KEY,             -- SHA-256
    bot_id     INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    created_at TEXT    NOT NULL,
    used_by    TEXT                             -- the wearer; NULL while it waits
);

CREATE INDEX binding_codes_by_bot ON binding_codes (bot_id);

-- What the owner has said of a wearer, beside the settings.
CREATE TABLE wearer_standings (
    user_id    TEXT    PRIMARY KEY,
    standing   TEXT    NOT NULL CHECK (standing IN ('allowed', 'blocked')),
    changed_at TEXT    NOT NULL
);
