-- As the program of schema 3 itself has written it: a key, a bot, two questions where it kept traces.
-- The key: ak_HB5rRtKt5na_HEUrkJF1DtPP4dGwkofjeMlArAt4je4
PRAGMA application_id = 0;
PRAGMA user_version = 3;
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
INSERT INTO "access_keys" VALUES(1,'glasses','ak_HB5rR',X'24F5909E094B6AC69553EADA13E8A368C1F647C2CAEC4E9F3F252D105172671A',NULL,1,'2026-11-30T07:39:22.898Z','2026-11-30T07:39:31.110Z');
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
INSERT INTO "bots" VALUES(1,'home',NULL,'command',0,1,X'3C4DD839843AAE625A9F7099925C7049E24E4264AEA903A544A19C0BFD20B852',NULL,'2026-11-30T07:39:27.623Z');
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
);
INSERT INTO "stream_traces" VALUES(1,'trace_ab57429d2ba8abf8f3cff101','9aa83b32a1e14e088feb1632cef7a18a','00000000000000000000000000000000',NULL,1,'70208b474a3b28425305698df6444b1c','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:31.110Z','2026-11-30T07:39:31.113Z',1.31841414600057760253e+00,'[]',X'78016D8C410AC2301444F79E22FC759024E697E8558294D28E34080193DFBA28BDBBA93BC1E563DEBC8DAA0C4530F583D04D39770D81CFE6E2D97367ACEBB422ACC852DB1A2315BC1654E90B46A41513E9BF9F6DBF6B15E99172AAF3AF15BCB5CCE12837AB6934CE4B7E1E7DD3E05D92E00BFBE903C5292BB1',NULL,NULL);
INSERT INTO "stream_traces" VALUES(2,'trace_698bb1ada353dd17a43ebc5c','1','demo',NULL,1,'532434cdae60d6ddeb7f7ce1689c80db','rokid','completed','offline','','',0,0,NULL,0,NULL,NULL,NULL,NULL,0,0,0,'[]','2026-11-30T07:39:31.423Z','2026-11-30T07:39:31.426Z',1.63133406799897784367e+00,'[]',X'78016D8CCB0A83301405F7FD8A70D7A1D83C4CECAF8422A2A7180A812657BB10FFBDD15DA1CBE1CC9C8D0A0F9931F503D35D28D5796FAFDA38DB19E38C72521056242E750D8132DE0B0AF71923E28A89E4DF66DB1F52047AC614CBFC63D9C6B7ADD63765A5A856D5689C97F43AFE9B0A9F1C1927EC972FD57B2BD8',NULL,NULL);
CREATE TABLE trace_clock (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),
    seconds            REAL    NOT NULL,
    wall               REAL    NOT NULL
);
CREATE INDEX access_keys_by_bot ON access_keys (bot_id);
CREATE INDEX bot_sessions_by_bot ON bot_sessions (bot_id);
CREATE INDEX stream_traces_with_anomaly ON stream_traces (number) WHERE anomaly = 1;
CREATE INDEX stream_traces_running ON stream_traces (number) WHERE outcome IS NULL;
CREATE INDEX provider_answers_by_provider ON provider_answers (provider, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('access_keys',1);
INSERT INTO "sqlite_sequence" VALUES('bots',1);
INSERT INTO "sqlite_sequence" VALUES('stream_traces',2);
COMMIT;
