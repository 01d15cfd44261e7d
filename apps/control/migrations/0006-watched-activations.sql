-- Whether the mix of outcomes is watched after the activation, and the activation taken back where it changes too much.
ALTER TABLE control.policy_activations ADD COLUMN is_watched boolean NOT NULL DEFAULT true;
CREATE INDEX policy_activations_watched ON control.policy_activations (activates_at) WHERE is_watched;
