-- Addresses of tenants to which events are sent.
CREATE TABLE control.webhook_endpoints (
  id              uuid PRIMARY KEY,
  tenant          text NOT NULL,
  url             text NOT NULL,
  description     text NOT NULL,
  event_types     text[] NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  created_by      text NOT NULL,
  updated_at      timestamptz NOT NULL DEFAULT now(),
  -- Removed: nothing is sent, and its rows are deleted in the background.
  is_removed      boolean NOT NULL DEFAULT false,
  -- Why nothing is sent; null while it is active.
  paused_because  text CHECK (paused_because IN ('user', 'gone', 'failing')),
  paused_at       timestamptz,
  -- Failures since the last success, and since when.
  failures        int NOT NULL DEFAULT 0,
  failing_since   timestamptz,
  -- After several failures, nothing is sent before this time.
  rests_until     timestamptz NOT NULL DEFAULT now(),
  -- Too many events wait: later ones are not stored but counted.
  is_full         boolean NOT NULL DEFAULT false,
  missed_events   bigint NOT NULL DEFAULT 0
);
CREATE INDEX webhook_endpoints_of_tenant ON control.webhook_endpoints (tenant, created_at) WHERE NOT is_removed;

-- Signing secrets, wrapped by the master key. The newest of an endpoint has no end.
CREATE TABLE control.webhook_secrets (
  id           bytea PRIMARY KEY,
  endpoint_id  uuid NOT NULL REFERENCES control.webhook_endpoints,
  master_key   text NOT NULL,
  wrapped      bytea NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  signs_until  timestamptz
);
CREATE INDEX webhook_secrets_of_endpoint ON control.webhook_secrets (endpoint_id);

-- Outbox and delivery log: one row per event and endpoint.
CREATE TABLE control.webhook_deliveries (
  endpoint_id      uuid NOT NULL REFERENCES control.webhook_endpoints,
  event_id         text NOT NULL,
  -- Order of arrival.
  sequence         bigint GENERATED ALWAYS AS IDENTITY,
  tenant           text NOT NULL,
  event_type       text NOT NULL,
  -- Events with the same key are sent in order; null: in any order.
  order_key        text,
  payload          text NOT NULL,
  occurred_at      timestamptz NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  state            text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts         int NOT NULL DEFAULT 0,
  -- While it is being sent: when another instance may try again.
  next_attempt_at  timestamptz NOT NULL DEFAULT now(),
  gives_up_at      timestamptz NOT NULL,
  -- It failed several times, and later events with its order key no longer wait for it.
  is_overtaken     boolean NOT NULL DEFAULT false,
  last_attempt_at  timestamptz,
  last_status      int,
  last_error       text,
  PRIMARY KEY (endpoint_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON control.webhook_deliveries (endpoint_id, next_attempt_at, sequence)
  WHERE state = 'pending';
CREATE INDEX webhook_deliveries_without_order ON control.webhook_deliveries (endpoint_id, next_attempt_at, sequence)
  WHERE state = 'pending' AND (order_key IS NULL OR is_overtaken);
CREATE INDEX webhook_deliveries_in_order ON control.webhook_deliveries (endpoint_id, order_key, sequence)
  WHERE state = 'pending' AND NOT is_overtaken AND order_key IS NOT NULL;
CREATE INDEX webhook_deliveries_ending ON control.webhook_deliveries (gives_up_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_log ON control.webhook_deliveries (tenant, sequence);
CREATE INDEX webhook_deliveries_by_age ON control.webhook_deliveries (created_at);
CREATE INDEX webhook_deliveries_of_event ON control.webhook_deliveries (tenant, event_id);
CREATE INDEX webhook_deliveries_failed ON control.webhook_deliveries (tenant, sequence) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_by_time ON control.webhook_deliveries (endpoint_id, occurred_at, sequence);
