-- What wearers have said, where it may be kept, and which conversations have begun anew.

CREATE TABLE beginnings (
    bot_id  INTEGER NOT NULL,  -- 0: of every bot
    user_id TEXT    NOT NULL,  -- empty: of every wearer
    name    TEXT    NOT NULL,  -- empty: every conversation of these
    number  INTEGER NOT NULL,  -- milliseconds of the wall clock, which never go back here
    PRIMARY KEY (bot_id, user_id, name)
) WITHOUT ROWID;

CREATE TABLE exchanges (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    bot_id    INTEGER NOT NULL,
    user_id   TEXT,
    context   TEXT    NOT NULL,  -- the conversation, without which one of its name it is
    is_shared INTEGER NOT NULL,
    name      TEXT    NOT NULL,
    question  TEXT    NOT NULL,
    answer    TEXT    NOT NULL,
    said_at   TEXT    NOT NULL
);

CREATE INDEX exchanges_of_thread ON exchanges (name, user_id, number);
