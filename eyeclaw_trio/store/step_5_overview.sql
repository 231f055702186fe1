-- What the overview shows over time, in rows whose number has a bound: of each bot an hour of
-- minutes (core/presence.py), and of all turns their counts a minute and an hour
-- (core/turn_counts.py). A key in whose place there is a new one opens for a while still.

ALTER TABLE access_keys ADD COLUMN open_until TEXT;  -- NULL: for as long as it is active

CREATE TABLE bot_presence (
    bot_id   INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    hour     INTEGER NOT NULL,          -- since 1970, UTC
    minutes  TEXT    NOT NULL,          -- sixty letters
    PRIMARY KEY (bot_id, hour)
);

CREATE TABLE turn_counts (
    seconds  INTEGER NOT NULL,          -- how long it is: a minute or an hour
    began    INTEGER NOT NULL,          -- seconds since 1970, UTC
    counts   TEXT    NOT NULL,          -- JSON
    PRIMARY KEY (seconds, began)
);
