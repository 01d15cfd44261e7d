-- A rollback counts at once; its aliases in the registry are moved as soon as the registry answers.
ALTER TABLE control.rollouts ADD COLUMN registry_pending boolean NOT NULL DEFAULT false;
CREATE INDEX rollouts_registry_pending ON control.rollouts (rollout_id) WHERE registry_pending;
