-- Until this time, a verdict can be undone: neither its event nor its labels have been sent.
ALTER TABLE console.cases ADD COLUMN undo_until_ms bigint;
ALTER TABLE console.case_outbox ADD COLUMN held_until_ms bigint NOT NULL DEFAULT 0,
  -- The number of labels that wait with the event.
  ADD COLUMN labels int NOT NULL DEFAULT 0;
