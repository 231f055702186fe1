-- As the program of schema 6 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak_ODb5FWEU0pdc2oxgUYp2y4NoSsSzcHhbG1HyZCd__TE
PRAGMA application_id = 1165575020;
PRAGMA user_version = 6;
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
INSERT INTO "access_keys" VALUES(1,'glasses','ak_ODb5F',X'2E825CF9BC3CA0EC9236CF6591489C74E99DC1E40D51B7FDE1D126F4D95C745E',NULL,1,'2026-11-30T07:39:51.790Z','2026-11-30T07:39:57.788Z',NULL);
CREATE TABLE bot_presence (
    bot_id   INTEGER NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    hour     INTEGER NOT NULL,          -- since 1970, UTC
    minutes  TEXT    NOT NULL,          -- sixty letters
    PRIMARY KEY (bot_id, hour)
);
INSERT INTO "bot_presence" VALUES(1,498895,'.......................................x....................');
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
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'336E775B22BC896CDC093AE1D2119CC0A68371EAA44AEF26DBB664F703025608',NULL,'2026-11-30T07:39:53.219Z');
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
INSERT INTO "stream_traces" VALUES(1,'trace_2baf288127c2e19aa61458d3','a171e6ca4d784677baf5807d6381a44e','00000000000000000000000000000000',NULL,1,'c8058340c6a92f17a59be2d2a09a65c1','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:57.790Z','2026-11-30T07:39:57.807Z',1.60840014999848790466e+00,'[]',X'78016D8C410A83301444F73D45F8EB5034E657D3AB0411D1298642A0C9D72EC4BB9B76D545978F796F76CA3226C13C8C4277653B667B75CCC655B6B68DD38AB0214A2EA3F794F05A916548981036CCA4FF25FBD16BE5E91162C8CBAFD41A36DDADAD1BC75A15AB68342D6B7C7EEEAB02EF14045F382E2787B12B6C',NULL,NULL,NULL);
INSERT INTO "stream_traces" VALUES(2,'trace_d0a3cd3f6ff6d4b9ae95d760','1','demo',NULL,1,'20de8722b5abe68870165a297f72ee9d','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:58.144Z','2026-11-30T07:39:58.147Z',1.96171555900218663737e+00,'[]',X'78016D8CCB0A83301045F77E45987528635EC6FE4A28223AC550083419ED42FCF7A65DB97079B8E7DC1D0A8F99691E4686BB30DE5A7BD3D823BA4E59DD1B2980364A5CEA1A02647AAF5478C83451DC680679D9ECC7438A00CF986259CE56AB94EB0C7AED9D14D5AA1A4CCB9A5EBF7FACF0C991E90F47F305C8B82BBB',NULL,NULL,NULL);
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
INSERT INTO "turn_counts" VALUES(60,1796024340,'{"turns":2,"failed":2,"lost":0,"first_chunk":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"relay":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}');
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
