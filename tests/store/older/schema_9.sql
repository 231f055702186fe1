-- As the program of schema 9 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak_bxU1F9KWsT7yH3UzntdvPLSiTQtso1AsCkJZ2BTqpvk
PRAGMA application_id = 1165575020;
PRAGMA user_version = 9;
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
INSERT INTO "access_keys" VALUES(1,'glasses','ak_bxU1F',X'8188C47A47B99BE85E46A60E0CA53C43394B6945AEF53DC45332A2CADCD66887',NULL,1,'2026-11-30T07:49:57.720Z','2026-11-30T07:51:01.715Z',NULL);
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
CREATE TABLE beginnings (
    bot_id  INTEGER NOT NULL,  -- 0: of every bot
    user_id TEXT    NOT NULL,  -- empty: of every wearer
    name    TEXT    NOT NULL,  -- empty: every conversation of these
    number  INTEGER NOT NULL,  -- milliseconds of the wall clock, which never go back here
    PRIMARY KEY (bot_id, user_id, name)
) WITHOUT ROWID;
CREATE TABLE binding_codes (
    digest     BLOB    PRIMARY KEY,             -- SHA-256
    bot_id     INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    created_at TEXT    NOT NULL,
    used_by    TEXT                             -- the wearer; NULL while it waits
);
CREATE TABLE bot_presence (
    bot_id   INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    hour     INTEGER NOT NULL,          -- since 1970, UTC
    minutes  TEXT    NOT NULL,          -- sixty letters
    PRIMARY KEY (bot_id, hour)
);
INSERT INTO "bot_presence" VALUES(1,498895,'..................................................xx........');
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
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'CD8FDB6CAA29FD54C8D99B3257AAB64FA5D2CBE44779E85712E4DFC340C15CFD',NULL,'2026-11-30T07:50:24.569Z');
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
INSERT INTO "stream_traces" VALUES(1,'trace_907e72adf1e3070a1f0a4647','586a7836ee664806a44a9826af0bf3e4','00000000000000000000000000000000',NULL,1,'d40e229116d69161a37298951b26eaf5','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:51:01.715Z','2026-11-30T07:51:01.837Z',1.44365163480033515948e+01,'[]',X'78016D8CC10A83301044EFFD8AB0E750B28996D85F0922A22B8642C064D583F8EF5D7BEA41E6F498377340E13E338D5DCFF056D61953D54F6CAC97388F2FAD80364A5CA40D01322D2B15EE320D14371A41DF6E8EB3D52AC014532CF3BFE5B0B6DE5488D7B358A2C130AFE973FD1B813D47A61F9C8F2FB97F2B86',NULL,NULL,'R62W44');
INSERT INTO "stream_traces" VALUES(2,'trace_04a217e9cb3ef9d1adf24c12','1','demo',NULL,1,'4701c69efa18c4f45c53be093767dd1f','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:51:04.548Z','2026-11-30T07:51:04.551Z',1.72688008780023665171e+01,'[]',X'7801AB562A2E492C2A494D894F2C51B2523032363030B1D0333032353734B53401123A0A4AA965A97925C540D9E868A5A2D4C2D2D4E292F8A2D4E4D4CCB2D414251DAC7AAA6B637514A295D232F3328B33505559981B59589A18804C06AA022A534ACE28CDCB06996F00E494176596A48239B55C00BB5D2B95',NULL,NULL,'6F23Q8');
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
INSERT INTO "turn_counts" VALUES(60,1796025060,'{"turns":2,"failed":2,"lost":0,"first_chunk":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"relay":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}');
INSERT INTO "turn_counts" VALUES(3600,1796022000,'{"turns":2,"failed":2,"lost":0,"first_chunk":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"relay":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}');
CREATE TABLE wearer_standings (
    user_id    TEXT    PRIMARY KEY,
    standing   TEXT    NOT NULL CHECK (standing IN ('allowed', 'blocked')),
    changed_at TEXT    NOT NULL
);
CREATE INDEX access_keys_by_bot ON access_keys (bot_id);
CREATE INDEX bot_sessions_by_bot ON bot_sessions (bot_id);
CREATE INDEX stream_traces_running ON stream_traces (number) WHERE outcome IS NULL;
CREATE INDEX provider_answers_by_provider ON provider_answers (provider, number);
CREATE INDEX stream_traces_listed ON stream_traces (
    number, outcome, bot_id, source, anomaly, loss_position, user_id, created_at, anomalies,
    code, trace_id, message_id, agent_id, session_id, reason, first_chunk_delay, missing_count
);
CREATE INDEX binding_codes_by_bot ON binding_codes (bot_id);
CREATE INDEX exchanges_of_thread ON exchanges (name, user_id, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('access_keys',1);
INSERT INTO "sqlite_sequence" VALUES('bots',1);
INSERT INTO "sqlite_sequence" VALUES('stream_traces',2);
COMMIT;
