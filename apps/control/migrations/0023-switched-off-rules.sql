-- Payments for which a rule of a revision had no result: as many as it takes to switch the rule off.
CREATE TABLE control.policy_rule_failures (
  tenant          text NOT NULL,
  revision        int NOT NULL,
  rule_id         text NOT NULL,
  transaction_id  text NOT NULL,
  why             text NOT NULL,
  noted_at        timestamptz NOT NULL,
  PRIMARY KEY (tenant, revision, rule_id, transaction_id),
  FOREIGN KEY (tenant, revision) REFERENCES control.policy_revisions
);

-- Rules that are off because they failed. Rows are added and never removed: a new revision has all of its rules.
CREATE TABLE control.switched_off_rules (
  tenant           text NOT NULL,
  revision         int NOT NULL,
  rule_id          text NOT NULL,
  why              text NOT NULL,
  switched_off_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant, revision, rule_id),
  FOREIGN KEY (tenant, revision) REFERENCES control.policy_revisions
);
