import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Kafka } from "@tripline/kafka/port";
import { testStack } from "@tripline/local-stack/testing/stack";
import { balances, closeLedger } from "@tripline/system/ledger/ledger";
import { ledgerText, readAccepted } from "./ledger.js";

let kafka: Kafka;

beforeEach(async () => {
  const { kafkaBrokers: brokers, topicPrefix } = await testStack();
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  const admin = await kafka.admin();
  await admin.ensureTopics();
  await admin.close();
});

function decision(tenant: string, clientTransactionId: string, outcome = Outcome.APPROVE): Decision {
  return {
    transactionId: transactionId(tenant, clientTransactionId),
    tenant,
    clientTransactionId,
    cardToken: `ct_${"0".repeat(32)}`,
    outcome,
    rung: Rung.MODEL,
    score: 0.01,
    reasons: [],
    degradedBecause: "",
    policyVersion: "1",
    modelName: "fraud",
    modelVersion: "1",
    featureSpecVersion: 3,
    occurredAtMs: 0,
    acceptedAtMs: 0,
    decidedAtMs: 0,
    wordingVersion: "w1",
    listHits: [],
    policyRevision: 7,
    shadowHits: [],
    spentBudgets: [],
    skippedRules: [],
  };
}

async function publish(...decisions: readonly Decision[]): Promise<void> {
  const producer = await kafka.producer();
  await producer.send(
    decisions.map((each) => ({
      topic: TOPICS.decisions.name,
      key: each.cardToken,
      value: Decision.encode(each).finish(),
      headers: {},
    })),
  );
  await producer.close();
}

test("regression #12: payments of two tenants with the same transaction ID are two payments, each decided once", async () => {
  await publish(decision("acme", "order-1"), decision("umbrella", "order-1", Outcome.DECLINE));
  const accepted = new Set([transactionId("acme", "order-1"), transactionId("umbrella", "order-1")]);
  const ledger = await closeLedger(kafka, accepted);
  expect(ledger).toMatchObject({ accepted: 2, decided: 2, lost: [], contradicted: [] });
  expect(balances(ledger)).toBe(true);
});

test("reports a payment as lost even if another tenant's payment with the same transaction ID was decided", async () => {
  await publish(decision("acme", "order-1"), decision("umbrella", "order-2"));
  const ledger = await closeLedger(kafka, readAccepted("order-1\norder-2\n", "acme"));
  expect(ledger).toMatchObject({ accepted: 2, decided: 1, lost: [transactionId("acme", "order-2")] });
  expect(balances(ledger)).toBe(false);
});

test("reports a payment with a second, different decision", async () => {
  await publish(decision("acme", "order-1"), decision("acme", "order-1", Outcome.DECLINE));
  const id = transactionId("acme", "order-1");
  const ledger = await closeLedger(kafka, new Set([id]));
  expect(balances(ledger)).toBe(false);
  expect(ledgerText(ledger)).toContain(`duplicated=1 repeated=0\ndecided twice: ${id}\n`);
});

test("ignores duplicate decisions of other payments", async () => {
  const others = [decision("umbrella", "order-1"), decision("umbrella", "order-1", Outcome.DECLINE)];
  const again = decision("umbrella", "order-2");
  await publish(decision("acme", "order-1"), ...others, again, again);
  const ledger = await closeLedger(kafka, readAccepted("order-1\n", "acme"));
  expect(ledger).toEqual({ accepted: 1, decided: 1, lost: [], contradicted: [], repeated: 0 });
  expect(balances(ledger)).toBe(true);
});

test("reads accepted payments by the API's IDs or by the tenant's own IDs", () => {
  const id = transactionId("acme", "order-1");
  expect(readAccepted(`${id}\n\n`, undefined)).toEqual(new Set([id]));
  expect(readAccepted("order-1", "acme")).toEqual(new Set([id]));
  expect(() => readAccepted(`${id}\norder-1`, undefined)).toThrow(
    `"order-1" is not an ID from the API (txn_…). If it is a tenant's transaction ID, add --tenant.`,
  );
});
