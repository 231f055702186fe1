-- Lists of traces: one narrow index holds all that they are filtered by, and is read from its new
-- end, whatever is asked for. It is written twice for a turn, where an index for each filter would
-- be six times that, and a hundred thousand of its rows are looked through in some 20 ms.
-- The file gets a mark of its own, so that no other program's is taken for it: "EyCl".

ALTER TABLE stream_traces ADD COLUMN code TEXT;  -- the short one, for people to say; NULL: none

CREATE INDEX stream_traces_listed ON stream_traces (
    number, outcome, bot_id, source, anomaly, loss_position, user_id, created_at, anomalies,
    code, trace_id, message_id, agent_id, session_id, reason
);

DROP INDEX stream_traces_with_anomaly;

PRAGMA application_id = 1165575020;
