-- When an activation was taken out of Kafka again, long after others took its place.
ALTER TABLE control.policy_activations ADD COLUMN withdrawn_at timestamptz;
