-- What a picture of many turns shows and "slow" asks for stands in the narrow index too: 500 dots
-- would be 500 looks into the table, and a turn that was slow is seldom.

DROP INDEX stream_traces_listed;

CREATE INDEX stream_traces_listed ON stream_traces (
    number, outcome, bot_id, source, anomaly, loss_position, user_id, created_at, anomalies,
    code, trace_id, message_id, agent_id, session_id, reason, first_chunk_delay, missing_count
);
