-- The limits within which a version that retraining registered may decide for more cards without a signature of its own.
CREATE TABLE control.promotion_limits (
  model_name   text PRIMARY KEY,
  limits       jsonb NOT NULL,
  expires_at   timestamptz NOT NULL,
  -- The user who set the limits, who cannot sign them.
  set_by       text NOT NULL,
  set_at       timestamptz NOT NULL,
  -- Null until another user signs the limits, and again after a withdrawal.
  signed_by    text,
  signed_at    timestamptz
);
