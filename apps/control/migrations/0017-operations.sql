-- Dead letters that people returned ahead of the place that the consumer group of returns keeps.
CREATE TABLE control.returned_letters (
  topic             text NOT NULL,
  letter_partition  int NOT NULL,
  letter_offset     bigint NOT NULL,
  returned_at       timestamptz NOT NULL,
  PRIMARY KEY (topic, letter_partition, letter_offset)
);

-- What each job last said of itself.
CREATE TABLE control.jobs (
  name         text PRIMARY KEY,
  facts        jsonb NOT NULL,
  reported_by  text NOT NULL,
  reported_at  timestamptz NOT NULL
);

CREATE INDEX erasures_newest ON control.erasures (tenant, erased_at DESC);
