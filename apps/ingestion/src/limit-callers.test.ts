import { randomUUID } from "node:crypto";
import { startIngestion } from "./start-ingestion.js";
import type { Answer, TestBed, TestClient } from "./testing/service.js";
import { paymentBody, startTestBed, testConfig } from "./testing/service.js";

/** A budget of 20 requests in 10 s. */
const PER_SECOND = 2;
const TRIES_MAX = 100;

let bed: TestBed;

beforeAll(async () => {
  bed = await startTestBed({ RATE_LIMIT_TENANT: String(PER_SECOND) });
});

afterAll(() => bed.close());

const newTenant = (url?: string): Promise<TestClient> => bed.clientOf({ tenant: `t-${randomUUID()}` }, url);

/** Sends requests until one is rejected. */
async function untilLimited(ask: () => Promise<Answer>): Promise<{ answer: Answer; before: number }> {
  for (let before = 0; before < TRIES_MAX; before += 1) {
    const answer = await ask();
    if (answer.status === 429) return { answer, before };
  }
  throw new Error(`none of ${TRIES_MAX} requests was refused`);
}

const LIMITED = { status: 429, body: { code: "rate-limited", type: "urn:tripline:error:rate-limited" } };

test("a tenant over its budget gets 429 with Retry-After; others are unaffected", async () => {
  const client = await newTenant();
  const { answer, before } = await untilLimited(() => client.post("/v1/transactions", paymentBody()));
  expect(before).toBeGreaterThanOrEqual(18);
  expect(before).toBeLessThanOrEqual(22);
  expect(answer).toMatchObject(LIMITED);
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.headers.get("ratelimit-policy")).toBe('"tenant";q=20;w=10');
  expect(answer.headers.get("ratelimit")).toMatch(/^"tenant";r=0;t=\d+$/);
  await expect((await newTenant()).post("/v1/transactions", paymentBody())).resolves.toMatchObject({ status: 202 });
});

test("each line of a batch and each lookup of a decision counts towards the budget", async () => {
  const client = await newTenant();
  const lines = Array.from({ length: 40 }, () => JSON.stringify(paymentBody()));
  await expect(client.postLines("/v1/transactions/batch", lines)).resolves.toMatchObject({ status: 200 });
  const look = () => client.get("/v1/decisions/txn_00000000000000000000000000000000");
  const { before } = await untilLimited(look);
  expect(before).toBeLessThanOrEqual(2);
  const second = await newTenant();
  await untilLimited(() => second.get("/v1/decisions/txn_00000000000000000000000000000000"));
});

test("two instances share one budget", async () => {
  const other = await startIngestion(testConfig(bed.stack, bed.issuer, { RATE_LIMIT_TENANT: String(PER_SECOND) }));
  try {
    const tenant = `t-${randomUUID()}`;
    const clients = [await bed.clientOf({ tenant }), await bed.clientOf({ tenant }, other.url)];
    let sent = 0;
    const { before } = await untilLimited(() => {
      sent += 1;
      return (clients[sent % 2] as TestClient).post("/v1/transactions", paymentBody());
    });
    expect(before).toBeLessThanOrEqual(24);
  } finally {
    await other.close();
  }
});
