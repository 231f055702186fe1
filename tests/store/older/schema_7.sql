-- As the program of schema 7 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak_YPK-lCBr8o_5btGu1OCX69KhNrp6ph5ZGWSXK2mI0yI
PRAGMA application_id = 1165575020;
PRAGMA user_version = 7;
BEGIN TRANSACTION;
CREATE TABLE access_keys (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT    NOT NULL,
    prefix          TEXT    NOT NULL,
    digest          BLOB    NOT NULL UNIQUE,    -- SHA-256; the key itself is nowhere
    bot_id          INTEGER REFERENCES bots (id) ON DELETE CASCADE,
    is_active       INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    created_at      TEXT    NOT NULL,
    last_used_at    TEXT
, open_until TEXT);
INSERT INTO "access_keys" VALUES(1,'glasses','ak_YPK-l',X'C9878BC89C3F6AAA185C9C3D4B2929366183EC77BB15A35BB8506E473C927DA6',NULL,1,'2026-11-30T07:39:59.788Z','2026-11-30T07:40:07.542Z',NULL);
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
CREATE TABLE bot_presence (
    bot_id   INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    hour     INTEGER NOT NULL,          -- since 1970, UTC
    minutes  TEXT    NOT NULL,          -- sixty letters
    PRIMARY KEY (bot_id, hour)
);
INSERT INTO "bot_presence" VALUES(1,498895,'........................................x...................');
CREATE TABLE bot_sessions (
    number          INTEGER PRIMARY KEY AUTOINCREMENT,  -- their order: a wall clock may jump
    session_id      TEXT    NOT NULL UNIQUE,
    bot_id          INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    connected_at    TEXT    NOT NULL,
    last_ping_at    TEXT    NOT NULL,
    disconnected_at TEXT,                       -- NULL while the link lives
    metadata        TEXT    NOT NULL DEFAULT '{}'
);
CREATE TABLE bots (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT    NOT NULL UNIQUE,
    provider        TEXT,                       -- NULL: it links over /cable
    origin          TEXT    NOT NULL CHECK (origin IN ('demo', 'config', 'command')),
    is_default      INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    is_configured   INTEGER NOT NULL DEFAULT 1 CHECK (is_configured IN (0, 1)),
    token_digest    BLOB    UNIQUE,             -- SHA-256; the token itself is nowhere
    rokid_user_id   TEXT    UNIQUE,
    created_at      TEXT    NOT NULL,
    CHECK (provider IS NULL OR token_digest IS NULL)
);
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'0A53DFEA4AB1092389D091EF27BEF3B32A183EE2FB0C5407B3BD3109022D81AC',NULL,'2026-11-30T07:40:01.321Z');
CREATE TABLE provider_answers (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,  -- their order: a wall clock may jump
    provider      TEXT    NOT NULL,
    ended_at      TEXT    NOT NULL,
    reason        TEXT,                        -- NULL: it was answered
    is_cold       INTEGER NOT NULL CHECK (is_cold IN (0, 1)),
    http_version  TEXT    NOT NULL,
    connect       REAL,                        -- seconds since it was asked, as the other five
    tls           REAL,
    request_sent  REAL,
    headers       REAL,
    first_token   REAL,
    last_token    REAL
);
CREATE TABLE stream_traces (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,  -- their order: a wall clock may jump
    trace_id           TEXT    NOT NULL UNIQUE,
    message_id         TEXT    NOT NULL,
    agent_id           TEXT    NOT NULL,
    user_id            TEXT,
    bot_id             INTEGER,
    session_id         TEXT    NOT NULL,
    source             TEXT    NOT NULL,
    status             TEXT    NOT NULL,
    outcome            TEXT,                       -- NULL while the turn runs
    reason             TEXT    NOT NULL,
    said               TEXT    NOT NULL,
    sdk_chunk_count    INTEGER NOT NULL,
    sse_chunk_count    INTEGER NOT NULL,
    sdk_total_chunks   INTEGER,
    missing_count      INTEGER NOT NULL,
    loss_position      TEXT,
    first_chunk_delay  REAL,                       -- milliseconds, as the other two
    avg_chunk_interval REAL,
    last_chunk_delay   REAL,
    duplicates         INTEGER NOT NULL,
    resumed            INTEGER NOT NULL,
    anomaly            INTEGER NOT NULL CHECK (anomaly IN (0, 1)),
    anomalies          TEXT    NOT NULL,           -- JSON array of words
    created_at         TEXT    NOT NULL,
    updated_at         TEXT    NOT NULL,
    kept_since         REAL    NOT NULL,           -- what trace_clock said: its age, without jumps
    missing_sequences  TEXT    NOT NULL,           -- JSON array of numbers
    events             BLOB    NOT NULL,           -- store/trace_events.py
    sdk_content        TEXT,                       -- both only with traces.keep_content
    sse_content        TEXT
, code TEXT);
INSERT INTO "stream_traces" VALUES(1,'trace_190cf381b2ac5b6b114bd04a','7929cefe028c4287953626b2e4156134','00000000000000000000000000000000',NULL,1,'f4660ff248a490beb2ee065e15b6d102','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:40:07.550Z','2026-11-30T07:40:07.551Z',1.67881383600615663453e+00,'[]',X'78016D8C410A83301444F73D45F8EB20DF185BED554211D1298642A0C9D72EC4BB37BA72E1F2316FDE4A49FA2818BB5EE8A9EEDC9A4761AAA6352537555D6B45581024E5D1398AF8CE48D2450CF00B46D25797757B69E5E8ED834FD359B25C5A63F9E866295B344C73F8EC75CEF08B5E70C076FB03540F2B0A',NULL,NULL,'Y6882Y');
INSERT INTO "stream_traces" VALUES(2,'trace_cb221598f2fc6ae9d565d3f0','1','demo',NULL,1,'4909a85a9bf33befb611f1d5f16e135a','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:40:07.867Z','2026-11-30T07:40:07.902Z',1.99589569800446042791e+00,'[]',X'78016D8C410A83301444F73D45F8EB504CCA374DAF128A884E3114024DBE7621DEBDB12B172E1FF3E6AD54A4CF82B1EB851EAA6DBC7557E6D63A678C61D68AB02049A9630894F19951A4CB1810178CA4CF2EEBF6D42AD02BA658A6A3E48DBF59E6FBDEAD52B56898E6F4DEEB4D856F8E823F6C971F57CB2B23',NULL,NULL,'6L2LMK');
CREATE TABLE trace_clock (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),
    seconds            REAL    NOT NULL,
    wall               REAL    NOT NULL
);
CREATE TABLE turn_counts (
    seconds  INTEGER NOT NULL,          -- how long it is: a minute or an hour
    began    INTEGER NOT NULL,          -- seconds since 1970, UTC
    counts   TEXT    NOT NULL,          -- JSON
    PRIMARY KEY (seconds, began)
);
INSERT INTO "turn_counts" VALUES(60,1796024400,'{"turns":2,"failed":2,"lost":0,"first_chunk":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"relay":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}');
INSERT INTO "turn_counts" VALUES(3600,1796022000,'{"turns":2,"failed":2,"lost":0,"first_chunk":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"relay":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}');
CREATE INDEX access_keys_by_bot ON access_keys (bot_id);
CREATE INDEX bot_sessions_by_bot ON bot_sessions (bot_id);
CREATE INDEX stream_traces_running ON stream_traces (number) WHERE outcome IS NULL;
CREATE INDEX provider_answers_by_provider ON provider_answers (provider, number);
CREATE INDEX stream_traces_listed ON stream_traces (
    number, outcome, bot_id, source, anomaly, loss_position, user_id, created_at, anomalies,
    code, trace_id, message_id, agent_id, session_id, reason, first_chunk_delay, missing_count
);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('access_keys',1);
INSERT INTO "sqlite_sequence" VALUES('bots',1);
INSERT INTO "sqlite_sequence" VALUES('stream_traces',2);
COMMIT;
