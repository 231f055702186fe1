-- As the program of schema 5 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak__ZjVnWLuBGM12wxNuobLVhsaDUv4tSSc30DoppZLUyo
PRAGMA application_id = 1165575020;
PRAGMA user_version = 5;
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
INSERT INTO "access_keys" VALUES(1,'glasses','ak__ZjVn',X'E54E4410E40FF3952B0E8424B353E57F6674774EFE1763EDBDAF003F1677DDF8',NULL,1,'2026-11-30T07:39:43.479Z','2026-11-30T07:39:49.016Z',NULL);
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
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'5A0B363741BA0F8D202D67AC9E5CEFE71DC88EAEC5CB2A97DC55A3CD93807C1F',NULL,'2026-11-30T07:39:45.042Z');
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
INSERT INTO "stream_traces" VALUES(1,'trace_e957a8ce3ab94d8aa9b34eae','50d45dd322794c23a3cadc43ac23b73b','00000000000000000000000000000000',NULL,1,'14cccb40702a4e597d8ba593bfdeab91','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:49.018Z','2026-11-30T07:39:49.018Z',1.87177112400240730494e+00,'[]',X'78016D8D410A83301444F73D45F8EB50D21293D8AB8422A2530C854093AF2EC4BBFBEDAED0E563DECC6C54B92F8CB1EB991EEAE69CB5E16A43685CF0FE6EBC56840599ABA43152C16746E5AE60405A3092FEDBD9F6A756915E29A73AFD5AAD1CB48D354E2BB144A3619AF3FBDC37026B498C2FEC9703D8462BE8',NULL,NULL,NULL);
INSERT INTO "stream_traces" VALUES(2,'trace_c9ab23c70278d95ddfd3d55c','1','demo',NULL,1,'87dcaef7eb9e3f455f3a211f2f8af6fd','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:49.388Z','2026-11-30T07:39:49.394Z',2.24158520899800350889e+00,'[]',X'78016D8C410A83301045F73D4598752846A671E8554211D15F0C8540935117E2DD1BBB2B74F9F8EFBF9D8A0E5931F583D2DD38EF99E52A37E1CE77AE6DC41AC28AA4A5AE2150C67B41D13E63445C3191FDFBD98F8735819E31C532FF589E45C4B57C96AB55351AE725BDCE7E5361CB51F185E3F201D2EF2BD8',NULL,NULL,NULL);
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
    code, trace_id, message_id, agent_id, session_id, reason
);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('access_keys',1);
INSERT INTO "sqlite_sequence" VALUES('bots',1);
INSERT INTO "sqlite_sequence" VALUES('stream_traces',2);
COMMIT;
