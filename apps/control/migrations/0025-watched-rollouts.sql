-- For how long instances of control have watched the step `watched_revision` of a rollout, together and without the times at which
-- none did; and what was measured of the champion, with which the next one is compared after its promotion.
ALTER TABLE control.rollouts ADD COLUMN watched_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE control.rollouts ADD COLUMN watched_at timestamptz;
ALTER TABLE control.rollouts ADD COLUMN watched_revision int;
ALTER TABLE control.rollouts ADD COLUMN champion_measure jsonb;
