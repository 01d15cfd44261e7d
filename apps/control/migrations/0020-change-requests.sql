-- Changes that wait for another user: what was asked, by whom, and what became of it. One with `takes_effect_at` is a break glass: it
-- takes effect then unless somebody refuses it.
CREATE TABLE control.change_requests (
  id                uuid PRIMARY KEY,
  tenant            text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{0,64}$'),
  kind              text NOT NULL CHECK (kind IN ('policy-approval-off', 'lists-approval-off', 'list-entries')),
  details           jsonb NOT NULL,
  author            text NOT NULL,
  author_kind       text NOT NULL,
  author_principal  text NOT NULL,
  note              text NOT NULL,
  created_at        timestamptz NOT NULL,
  expires_at        timestamptz NOT NULL,
  takes_effect_at   timestamptz,
  settled_at        timestamptz,
  settled_as        text CHECK (settled_as IN ('confirmed', 'refused', 'expired', 'took-effect')),
  settled_by        text
);
CREATE INDEX change_requests_open ON control.change_requests (tenant, created_at) WHERE settled_at IS NULL;
CREATE INDEX change_requests_due ON control.change_requests (least(expires_at, takes_effect_at)) WHERE settled_at IS NULL;

-- Whether entries that concern many payments wait for another user.
ALTER TABLE control.policy_settings ADD COLUMN lists_need_approval boolean NOT NULL DEFAULT false;
