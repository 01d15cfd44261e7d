-- Files that people added to a case. Their content is in the object store, each under its id.
CREATE TABLE console.case_attachments (
  id           uuid PRIMARY KEY,
  case_id      uuid NOT NULL REFERENCES console.cases,
  author_id    text NOT NULL,
  author_name  text NOT NULL,
  name         text NOT NULL,
  media_type   text NOT NULL,
  bytes        int NOT NULL,
  -- Of the content, in hexadecimal digits.
  sha256       text NOT NULL,
  at_ms        bigint NOT NULL
);
CREATE INDEX case_attachments_of_case ON console.case_attachments (case_id);

-- Objects that have to go: of attachments that were removed or erased, and of those that are being written, in case that is
-- never finished. An object is noted here before it is there, so none is forgotten.
CREATE TABLE console.attachment_removals (
  id         uuid PRIMARY KEY,
  due_at_ms  bigint NOT NULL
);
CREATE INDEX attachment_removals_due ON console.attachment_removals (due_at_ms);
