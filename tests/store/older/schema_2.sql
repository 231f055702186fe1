-- As the program of schema 2 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak_aUrVPe5sNfQsnjbMyJEn6SXmbefjSozn_k6_QEvVSvI
PRAGMA application_id = 0;
PRAGMA user_version = 2;
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
INSERT INTO "access_keys" VALUES(1,'glasses','ak_aUrVP',X'A1032CF12E8310A87082FA50377AA77CE9579DB433BF0C80792C38ADFB263F7D',NULL,1,'2026-11-30T07:48:12.287Z','2026-11-30T07:48:57.507Z');
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
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'DEB7096C4F1D84B4D4183B1F5C0A49F25735BCC53A8BFEC8E9AC3E00D39E29D7',NULL,'2026-11-30T07:48:25.651Z');
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
);
INSERT INTO "stream_traces" VALUES(1,'trace_7fa7e4347f9c21d1d8370442','a73710e966a441d2b8a18f335420913e','00000000000000000000000000000000',NULL,1,'1e1bf523f6bb2f58c8cf3305590629dd','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:48:57.507Z','2026-11-30T07:48:57.510Z',1.19108511560043552892e+01,'[]',X'78016D8C410A83301045F73D45987528A143C6A4570922A2238642A0C9A80BF1EE4677852E1FFFBDBF43913E0B8F5D2FF056D6BE2C3D3D19F40611C96905BC729252C71020F377E1225DE681E3CA23E87FC97EB45A0598628A65FE91D035649C2767B5AA56D5609897F4B9EE4D852D47E11B8EC709852C2B6C',NULL,NULL);
INSERT INTO "stream_traces" VALUES(2,'trace_cf83f114973f3eeae1ca1f72','1','demo',NULL,1,'8210839c0a87f66ea8635dceeb696d5f','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:49:04.146Z','2026-11-30T07:49:04.750Z',1.85505419800028903409e+01,'[]',X'78016D8C410A83301045F73D45987590718C61DAAB8422A2530C8540935117E2DD9B76D155978FFFDE3FA0E89855E66154B899BE27DF351EB165EC883D5B03B249D252C71020CB6B95A2439649E22633D87FC971DEAD09F0882996E527B986D0717B6522CFCE9A6A550DA6654DCFCF3D56D87354F9C279790378DF2B42',NULL,NULL);
CREATE TABLE trace_clock (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),
    seconds            REAL    NOT NULL,
    wall               REAL    NOT NULL
);
CREATE INDEX access_keys_by_bot ON access_keys (bot_id);
CREATE INDEX bot_sessions_by_bot ON bot_sessions (bot_id);
CREATE INDEX stream_traces_with_anomaly ON stream_traces (number) WHERE anomaly = 1;
CREATE INDEX stream_traces_running ON stream_traces (number) WHERE outcome IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('access_keys',1);
INSERT INTO "sqlite_sequence" VALUES('bots',1);
INSERT INTO "sqlite_sequence" VALUES('stream_traces',2);
COMMIT;
