-- How the candidate agreed with the champion before the rollout, from the registry; null if it was not compared.
ALTER TABLE control.rollouts ADD COLUMN agreement jsonb;

-- Payments that a rollout's models did not approve, at most one per card, with their verdicts. Labels take weeks, so instances
-- cannot keep them in memory. Hashes are enough to find a payment's label. The rows are deleted when the rollout ends.
CREATE TABLE control.rollout_alerts (
  rollout_id    text NOT NULL REFERENCES control.rollouts ON DELETE CASCADE,
  -- The first 16 bytes of SHA-256 of the rollout and the card token, and of the tenant and the payment.
  card          bytea NOT NULL,
  payment       bytea NOT NULL,
  is_candidate  boolean NOT NULL,
  is_declined   boolean NOT NULL,
  decided_at    timestamptz NOT NULL,
  is_fraud      boolean,
  -- When the verdict was first known; null until then.
  settled_at    timestamptz,
  PRIMARY KEY (rollout_id, card)
);
CREATE INDEX rollout_alerts_by_payment ON control.rollout_alerts (payment);
