-- Every minute, each instance deletes the sessions that have expired or were idle for too long.
CREATE INDEX sessions_by_use ON console.sessions (used_at_ms);
