-- How the candidate was compared with the champion before the rollout, from the registry; null if it was not compared.
ALTER TABLE control.rollouts ADD COLUMN offline jsonb;
