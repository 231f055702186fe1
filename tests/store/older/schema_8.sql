-- As the program of schema 8 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak_0blJbskfmvC7nvbiRlw7V_hchH82OqwRJ_vFA4s7Y9o
PRAGMA application_id = 1165575020;
PRAGMA user_version = 8;
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
INSERT INTO "access_keys" VALUES(1,'glasses','ak_0blJb',X'9EF5AC57B226F923B6F1EFF36A5F77A21A2ED8717C8FBF4C9A541E4FA84BD130',NULL,1,'2026-11-30T07:40:10.932Z','2026-11-30T07:40:58.507Z',NULL);
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
INSERT INTO "bot_presence" VALUES(1,498895,'........................................xx..................');
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
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'66F7F7C6BB74D3A4BF8B11BE8EA556FB3ADBD6730459737D4230A1B64DFA9CE5',NULL,'2026-11-30T07:40:22.950Z');
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
INSERT INTO "stream_traces" VALUES(1,'trace_31f626f294fdd76e2374112c','c1eba09544b747348a55bf0892a25417','00000000000000000000000000000000',NULL,1,'6b20bb14205dd71f3b66bd409537f217','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:40:58.513Z','2026-11-30T07:40:58.520Z',1.02602670659980503846e+01,'[]',X'78016D8C410A83301444F73D45F8EB5022F989D2AB8422A2530C854093AF2EC4BB37ED4E70F998F766A72243164CFD20F4508DB5D6F3DDB06D9DF31DB3D78AB02249A96B0894F15950A4CF1811574CA42F9BFD786A15E815532CF3C9728D67D3768E59AB6A558DC67949EFDFBFA9B0E528F8C371FB02C3052BA8',NULL,NULL,'8P42PP');
INSERT INTO "stream_traces" VALUES(2,'trace_4033f2673e1cf328d44763a8','1','demo',NULL,1,'75485a328e55250a33305e2ff586c810','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:41:02.359Z','2026-11-30T07:41:02.393Z',1.41359040050010662525e+01,'[]',X'78016D8C410AC2301444F79E22FC7590D8DF26A95709524A3BD220044C7EEBA2F4EE46572E5C3EE6BDD9A9C89805F3300A5DD58599AD3B7BDF37C61A67DA4E2BC28624A5AE2150C6734591216342DC3093FEDBECC74DAB40F79862597EADBE61EB9DB35DCB5A55AB6A342D6B7A7CFE4D85578E822F1CA737C7182BBB',NULL,NULL,'F76K7M');
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
INSERT INTO "turn_counts" VALUES(60,1796024400,'{"turns":1,"failed":1,"lost":0,"first_chunk":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"relay":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}');
INSERT INTO "turn_counts" VALUES(60,1796024460,'{"turns":1,"failed":1,"lost":0,"first_chunk":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"relay":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}');
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('access_keys',1);
INSERT INTO "sqlite_sequence" VALUES('bots',1);
INSERT INTO "sqlite_sequence" VALUES('stream_traces',2);
COMMIT;
