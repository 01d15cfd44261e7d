import type { ShownDelivery, ShownEndpoint } from "./answers.js";
import { conditionOf, resultOf } from "./answers.js";

const ENDPOINT: ShownEndpoint = {
  ...{ id: "1", url: "https://a.example/", description: "", event_types: ["case.opened"] },
  ...{ paused_because: null, failures: 0, failing_since: null, missed_events: 0 },
};
const SINCE = "2026-11-30T12:00:00.000Z";

test.each<[string, Partial<ShownEndpoint>]>([
  ["", {}],
  ["paused (gone)", { paused_because: "gone", failures: 1, failing_since: SINCE }],
  [`failing since ${SINCE} (7 attempts)`, { failures: 7, failing_since: SINCE }],
  ["3 events missed", { missed_events: 3 }],
])("describes an endpoint as %j", (text, change) => {
  expect(conditionOf({ ...ENDPOINT, ...change })).toBe(text);
});

const DELIVERY: ShownDelivery = {
  ...{
    endpoint_id: "1",
    event_id: "evt_1",
    event_type: "case.opened",
    occurred_at: SINCE,
    state: "pending",
    attempts: 0,
  },
  ...{ is_overtaken: false, next_attempt_at: SINCE, last_status: null, last_error: null },
};

test.each<[string, Partial<ShownDelivery>]>([
  [`0 attempts, next attempt ${SINCE}`, {}],
  ["1 attempt, status 204", { state: "delivered", attempts: 1, last_status: 204, next_attempt_at: null }],
  [
    `4 attempts, ECONNREFUSED, next attempt ${SINCE}, overtaken`,
    { attempts: 4, last_error: "ECONNREFUSED", is_overtaken: true },
  ],
])("describes a delivery as %j", (text, change) => {
  expect(resultOf({ ...DELIVERY, ...change })).toBe(text);
});
