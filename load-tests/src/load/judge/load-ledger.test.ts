import { Decision, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { decisionKey } from "@tripline/contracts/redis-keys";
import { TOPICS } from "@tripline/contracts/topics";
import type { TestBed } from "@tripline/ingestion/testing/service";
import { startTestBed } from "@tripline/ingestion/testing/service";
import { Transcript } from "../k6/read-transcript.js";
import { apiLedger, balances, ledgerLine, openTopicLedger } from "./load-ledger.js";

const RUN = "load-test";
const TENANT = "acme";
const LOAD = { tenant: TENANT, run: RUN };
const DECIDED_AT = "2026-11-24T10:00:00.123Z";

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed?.close());

function decision(clientTransactionId: string, changes: Partial<Decision> = {}): Decision {
  return {
    transactionId: transactionId(TENANT, clientTransactionId),
    tenant: TENANT,
    clientTransactionId,
    cardToken: `ct_${"0".repeat(32)}`,
    outcome: Outcome.APPROVE,
    rung: Rung.MODEL,
    score: 0.01,
    decidedAtMs: Date.parse(DECIDED_AT),
    wordingVersion: "w1",
    listHits: [],
    policyRevision: 7,
    shadowHits: [],
    spentBudgets: [],
    skippedRules: [],
    reasons: [],
    degradedBecause: "",
    policyVersion: "1",
    modelName: "fraud",
    modelVersion: "1",
    featureSpecVersion: 3,
    occurredAtMs: 0,
    acceptedAtMs: 0,
    ...changes,
  };
}

const TRIES_MAX = 20;

/**
 * On a busy machine, an acknowledgement may come too late; the record is then sent again and may be on the topic twice.
 */
async function publish(...decisions: readonly Decision[]): Promise<void> {
  const producer = await bed.kafka.producer();
  const records = decisions.map((each) => ({
    topic: TOPICS.decisions.name,
    key: each.clientTransactionId,
    value: Decision.encode(each).finish(),
    headers: {},
  }));
  for (let attempt = 1; ; attempt += 1) {
    try {
      await producer.send(records);
      break;
    } catch (error) {
      if (attempt === TRIES_MAX) throw error;
    }
  }
  await producer.close();
}

/** Lines as k6 writes them. */
function transcriptOf(...lines: readonly string[]): Transcript {
  const transcript = new Transcript();
  for (const line of lines) transcript.add(line);
  return transcript;
}

const returned = (number: number, outcome = "approve") => `p ${number} 10 0.0 12.5 200 ${outcome} model ${DECIDED_AT}`;
const accepted = (number: number) => `p ${number} 10 0.0 3.0 202 - - -`;
const refused = (number: number, status: number) => `p ${number} 10 0.0 3.0 ${status} - - -`;

describe("the ledger from the decisions topic", () => {
  test("balances if every accepted payment was decided once", async () => {
    await publish(decision("load-before-1"));
    const close = await openTopicLedger(bed.kafka, LOAD);
    await publish(decision(`${RUN}-0`), decision(`${RUN}-1`), decision("somebody-else"), decision(`${RUN}-x`));
    const ledger = await close(transcriptOf(returned(0), accepted(1), refused(2, 503)));
    expect(ledgerLine(ledger)).toMatch(
      /^ledger: sent=3 accepted=2 decided=2 lost=0 duplicated=0 repeated=\d+ returned=1 differing=0 unanswered=0$/,
    );
    expect(balances(ledger)).toBe(true);
  });

  test("distinguishes a second decision, one that differs from the response, a duplicate, and an unanswered one", async () => {
    const close = await openTopicLedger(bed.kafka, LOAD);
    await publish(
      decision(`${RUN}-0`),
      decision(`${RUN}-0`, { outcome: Outcome.DECLINE }),
      decision(`${RUN}-1`),
      decision(`${RUN}-1`),
      decision(`${RUN}-2`),
      decision(`${RUN}-2`),
      decision(`${RUN}-3`),
    );
    const ledger = await close(transcriptOf(accepted(0), returned(1), returned(2, "decline"), refused(3, 0)));
    expect(ledger).toMatchObject({ sent: 4, accepted: 3, decided: 3, lost: 0, duplicated: 1 });
    expect(ledger.repeated).toBeGreaterThanOrEqual(2);
    expect(ledger).toMatchObject({ returned: 2, differing: 1, unanswered: 1 });
    expect(balances(ledger)).toBe(false);
  });

  test("regression #12: ignores another tenant's payment with the same ID", async () => {
    const close = await openTopicLedger(bed.kafka, LOAD, 0);
    const tenant = "umbrella";
    const foreign = [8, 9].map((number) => {
      const id = `${RUN}-${number}`;
      return decision(id, { tenant, transactionId: transactionId(tenant, id), outcome: Outcome.DECLINE });
    });
    await publish(...foreign, decision(`${RUN}-8`));
    const ledger = await close(transcriptOf(returned(8), accepted(9)));
    expect(ledger).toMatchObject({ accepted: 2, decided: 1, lost: 1, duplicated: 0, differing: 0, unanswered: 0 });
  });

  test("waits for a late decision", async () => {
    const close = await openTopicLedger(bed.kafka, LOAD);
    const closing = close(transcriptOf(accepted(5)));
    await publish(decision(`${RUN}-5`));
    await expect(closing).resolves.toMatchObject({ accepted: 1, decided: 1, lost: 0 });
  });

  test("reports a missing decision as lost, with its ID", async () => {
    const close = await openTopicLedger(bed.kafka, LOAD, 0);
    await publish(decision(`${RUN}-6`));
    const ledger = await close(transcriptOf(accepted(6), accepted(7)));
    expect(ledger).toMatchObject({ accepted: 2, decided: 1, lost: 1, lostIds: [`${RUN}-7`] });
    expect(balances(ledger)).toBe(false);
  });
});

describe("the ledger from the API", () => {
  test("fetches each decision and compares it with the response", async () => {
    const reader = {
      apiUrl: bed.service.url,
      tenant: TENANT,
      authorization: () => bed.issuer.authorization(),
    };
    for (const number of [0, 1]) {
      const kept = decision(`${RUN}-${number}`);
      await bed.redis.set(decisionKey(kept.transactionId), Buffer.from(Decision.encode(kept).finish()));
    }
    const ledger = await apiLedger(
      reader,
      RUN,
    )(transcriptOf(returned(0), returned(1, "decline"), accepted(2), refused(3, 429)));
    expect(ledger).toMatchObject({ source: "the API", sent: 4, accepted: 3, decided: 2, lost: 1, differing: 1 });
    expect(ledger.lostIds).toEqual([`${RUN}-2`]);
  });
});
