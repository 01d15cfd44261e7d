import { randomBytes } from "node:crypto";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";

const DAY_MS = 86_400_000;
const NOW_MS = Date.now();
const POLL_MS = 50;
const page = z.object({ entries: z.array(z.looseObject({ value: z.string() })) });

let bed: TestBed;
let producer: EventProducer;

beforeAll(async () => {
  bed = await startTestBed({ FRAUD_LIST_DAYS: "30" });
  producer = await bed.kafka.producer();
});
afterAll(async () => {
  await producer?.close();
  await bed?.close();
});

function label(change: Partial<Label> = {}): Label {
  return {
    labelId: "lbl_1",
    tenant: "shop",
    clientTransactionId: "order-7",
    terminalId: "t-1",
    fraud: true,
    cardToken: `ct_${randomBytes(16).toString("hex")}`,
    occurredAtMs: NOW_MS - DAY_MS,
    labelledAtMs: NOW_MS,
    source: "chargeback",
    reportId: "",
    policyVersion: "",
    ...change,
  };
}

test("adds only the cards of confirmed frauds to the deny list, for a limited time", async () => {
  const fraud = label();
  const again = label({ cardToken: fraud.cardToken, labelledAtMs: NOW_MS - DAY_MS });
  const unlisted = [
    label({ fraud: false }),
    label({ labelledAtMs: NOW_MS - 31 * DAY_MS }),
    label({ cardToken: "ct_1" }),
  ];
  const send = (labels: readonly Label[]) =>
    producer.send(
      labels.map((one) => {
        return { topic: TOPICS.labels.name, key: "same-card", value: encodeMessage(Label, one), headers: {} };
      }),
    );
  const last = label();
  await send([...unlisted, fraud, again]);
  await send([last]);
  const caller = bed.as("ana", { tenant: "shop", scope: "lists:read" });
  const entries = async () => page.parse((await caller.get("/v1/lists/entries")).body).entries;
  let found = await entries();
  while (!found.some(({ value }) => value === last.cardToken)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    found = await entries();
  }
  expect(found.map(({ value }) => value).toSorted()).toEqual([fraud.cardToken, last.cardToken].toSorted());
  expect(found.find(({ value }) => value === fraud.cardToken)).toMatchObject({
    list: "confirmed-fraud",
    effect: "deny",
    kind: "card",
    author: "labels",
    reason: "Confirmed fraud (chargeback): payment order-7",
    expires_at: new Date(NOW_MS + 30 * DAY_MS).toISOString(),
  });
});
