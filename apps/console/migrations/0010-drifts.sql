-- Days that differ from others, from `drift-detected`. Times are milliseconds since the epoch, as on the topics.
CREATE TABLE console.drifts (
  event_id        text PRIMARY KEY,
  model           text NOT NULL,
  -- Empty: the payments of all tenants.
  tenant          text NOT NULL,
  day             date NOT NULL,
  compared_from   text NOT NULL,
  compared_to     text NOT NULL,
  payments        bigint NOT NULL,
  sentence        text NOT NULL,
  -- The farthest above its threshold first.
  columns         jsonb NOT NULL,
  detected_at_ms  bigint NOT NULL,
  read_at_ms      bigint NOT NULL
);
CREATE INDEX drifts_newest ON console.drifts (tenant, day DESC);
