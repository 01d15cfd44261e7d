-- What an activation was when it was made (null: made by an earlier release), the user behind it (null: not known), what its watch
-- compares with what, and when that watch ended without a breach.
ALTER TABLE control.policy_activations
  ADD COLUMN kind              text CHECK (kind IN ('return', 'suspect', 'new')),
  ADD COLUMN author_principal  text,
  ADD COLUMN watch             jsonb,
  ADD COLUMN stood_at          timestamptz;

-- The user behind a revision or an approval: the user, or the owner of the machine client. Null: nobody knows, and it counts for nobody.
ALTER TABLE control.policy_revisions ADD COLUMN author_principal text;

-- An approval is given again after a rollback, may be for an activation without the guard, and with the revision 0 is for a
-- withdrawal of the policy.
ALTER TABLE control.policy_approvals
  DROP CONSTRAINT policy_approvals_pkey,
  DROP CONSTRAINT policy_approvals_tenant_revision_fkey,
  ADD COLUMN approver_principal  text,
  ADD COLUMN is_for_unwatched    boolean NOT NULL DEFAULT false;
CREATE INDEX policy_approvals_of_revision ON control.policy_approvals (tenant, revision);

-- Of earlier releases' rows the audit log knows which of them people made.
ALTER TABLE control.policy_revisions DISABLE TRIGGER revisions_are_immutable;
UPDATE control.policy_revisions r SET author_principal = r.author
FROM control.audit_log l
WHERE l.tenant = r.tenant AND l.action = 'policy-revision-added' AND l.actor_kind = 'person' AND l.actor = r.author
  AND l.subject_kind = 'policy-revision' AND l.subject_id = r.revision::text;
ALTER TABLE control.policy_revisions ENABLE TRIGGER revisions_are_immutable;
UPDATE control.policy_approvals a SET approver_principal = a.approver
FROM control.audit_log l
WHERE l.tenant = a.tenant AND l.action = 'policy-revision-approved' AND l.actor_kind = 'person' AND l.actor = a.approver
  AND l.subject_kind = 'policy-revision' AND l.subject_id = a.revision::text;
