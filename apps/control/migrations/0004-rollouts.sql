-- One row per rollout of a model; `revision` counts its steps. `published` is the last one that stands on the topic `rollouts`.
CREATE TABLE control.rollouts (
  rollout_id            text PRIMARY KEY CHECK (rollout_id ~ '^rol_[0-9a-f]{16}$'),
  model_name            text NOT NULL,
  stage                 text NOT NULL CHECK (stage IN ('shadow', 'canary', 'champion', 'rolled-back')),
  candidate_version     text NOT NULL,
  champion_version      text NOT NULL,
  canary_basis_points   int NOT NULL CHECK (canary_basis_points BETWEEN 0 AND 10000),
  shadow_basis_points   int NOT NULL CHECK (shadow_basis_points BETWEEN 0 AND 10000),
  is_held               boolean NOT NULL,
  plan                  jsonb NOT NULL,
  revision              int NOT NULL CHECK (revision > 0),
  published             int NOT NULL CHECK (published <= revision),
  started_at            timestamptz NOT NULL,
  changed_at            timestamptz NOT NULL,
  changed_by            text NOT NULL,
  why                   text NOT NULL
);
CREATE UNIQUE INDEX rollouts_one_open ON control.rollouts (model_name) WHERE stage IN ('shadow', 'canary');
CREATE INDEX rollouts_unpublished ON control.rollouts (rollout_id) WHERE published < revision;

-- The steps of a rollout are in the audit log, with who or what made them.
CREATE INDEX audit_rollout ON control.audit ((details ->> 'rollout'), id) WHERE details ? 'rollout';
