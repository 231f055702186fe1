-- As the program of schema 4 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak_DyV96XKPZXk4vXoymQpcCu5nVmja0-4KPFVtztg_HPI
PRAGMA application_id = 1165575020;
PRAGMA user_version = 4;
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
);
INSERT INTO "access_keys" VALUES(1,'glasses','ak_DyV96',X'93C63FF1793F691832B646209CFDAC08E3869B4183F8F1507CED6E1D1B574B71',NULL,1,'2026-11-30T07:39:33.187Z','2026-11-30T07:39:41.821Z');
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
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'91DD7343A9670D09B4D1437556CD9ED57B9EAD4A1BB2FA4B68FBDF4BB5CD4CF1',NULL,'2026-11-30T07:39:35.014Z');
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
INSERT INTO "stream_traces" VALUES(1,'trace_936b3bcdf8f8008569344025','92e104f4f6c144b0991cc030fb9a19ca','00000000000000000000000000000000',NULL,1,'217fec3357278297c78613915176bf52','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:41.826Z','2026-11-30T07:39:41.826Z',2.71373369199864100664e+00,'[]',X'78016D8C410A83301405F79E22FC75285193187B955044F415831030F9DA8578F7A65D962E8737F34ECA3C26C63C8C4C77515BD53875D35DADB4696D6F1A29080722E7B27A4F09DB8ECC43C284706026F9B739AF87149E9E2186BCFC58BD7356B7468A22158BA6658FEBE75E1578A5C0F8C255BD01950F2B6E',NULL,NULL,NULL);
INSERT INTO "stream_traces" VALUES(2,'trace_9d6a24632f4856dfbf3c9978','1','demo',NULL,1,'b920906c57af6f888f03dc71605176a5','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:42.623Z','2026-11-30T07:39:42.626Z',3.51088292500207899138e+00,'[]',X'78016D8C410AC2301045F79E22CC3A48273563F52A414A69BF34080193695D94DEDDE84E70F9F8EFFD8D8A0E5931F583D2D5B034AEE3A3938EE5E4A4F5D61056242D750C81329E0B8AF61923E28A89ECBF64DB6FD604BAC714CBFC239DF9225E5AF6CE9A6A558DC679498FCF7D53E195A3E20BFBE10D756A2B33',NULL,NULL,NULL);
CREATE TABLE trace_clock (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),
    seconds            REAL    NOT NULL,
    wall               REAL    NOT NULL
);
CREATE INDEX access_keys_by_bot ON access_keys (bot_id);
CREATE INDEX bot_sessions_by_bot ON bot_sessions (bot_id);
CREATE INDEX stream_traces_running ON stream_traces (number) WHERE outcome IS NULL;
CREATE INDEX provider_answers_by_provider ON provider_answers (provider, number);
CREATE INDEX stream_traces_listed ON stream_traces (
    number, outcome, bot_id, source, anomaly, loss_position, user_id, created_at, anomalies,
    code, trace_id, message_id, agent_id, session_id, reason
);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('access_keys',1);
INSERT INTO "sqlite_sequence" VALUES('bots',1);
INSERT INTO "sqlite_sequence" VALUES('stream_traces',2);
COMMIT;
