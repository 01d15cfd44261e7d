import { TriplineError } from "@tripline/contracts/error-table";
import { HEADERS } from "@tripline/contracts/headers";
import type { EventConsumer } from "@tripline/kafka/port";
import { z } from "zod";
import type { Answer, TestBed } from "../testing/test-bed.js";
import { OPERATOR_TENANT, startTestBed } from "../testing/test-bed.js";

const TOPIC = "applied-labels";
const CARD = `ct_${"ab".repeat(16)}`;
const WAIT_MS_MAX = 120_000;
const POLL_MS = 50;

const letter = z.object({ partition: z.number(), offset: z.number(), key: z.string(), message: z.string() });
const waiting = z.object({
  topics: z.array(z.looseObject({ topic: z.string(), count: z.number(), letters: z.array(letter) })),
});
const logged = z.object({ entries: z.array(z.looseObject({ action: z.string(), actor: z.string() })) });

let bed: TestBed;
let consumer: EventConsumer;
/** Values that cannot be processed. */
const failing = new Set<string>();
const handled: string[] = [];

const ops = (scope = "operations:read operations:write", tenant = OPERATOR_TENANT) => bed.as("ops", { tenant, scope });

beforeAll(async () => {
  bed = await startTestBed();
  consumer = await bed.kafka.consume({
    group: "reader",
    topics: [TOPIC],
    async handle(batches) {
      for (const { value } of batches.flatMap(({ records }) => records)) {
        if (failing.has(String(value))) throw new TriplineError("spec-mismatch", `cannot: ${CARD}`);
        handled.push(String(value));
      }
    },
    onStop() {},
  });
  await consumer.ready;
});
afterAll(async () => {
  await consumer?.close();
  await bed?.close();
});

async function until<T>(look: () => Promise<T>, isThere: (found: T) => boolean): Promise<T> {
  const deadline = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await look();
    if (isThere(found)) return found;
    if (Date.now() > deadline) throw new Error(`it did not come: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function letters(): Promise<z.infer<typeof letter>[]> {
  const { topics } = waiting.parse((await ops().get("/v1/dead-letters")).body);
  const found = topics.find(({ topic }) => topic === TOPIC);
  expect(found?.letters.length ?? 0).toBe(found?.count ?? 0);
  return (found?.letters ?? []).toSorted((left, right) => left.offset - right.offset);
}

async function deadLetter(...texts: string[]): Promise<void> {
  for (const text of texts) failing.add(text);
  const producer = await bed.kafka.producer();
  const headers = { [HEADERS.tenant]: "acme" };
  for (const text of texts) await producer.send([{ topic: TOPIC, key: CARD, value: Buffer.from(text), headers }]);
  await producer.close();
}

const putBack = (body: object): Promise<Answer> => ops().send("POST", "/v1/dead-letters/redrive", body);

test("shows dead letters without personal data, redrives the selected ones, and logs it", async () => {
  await deadLetter("one", "two", "three", "four");
  const found = await until(letters, ({ length }) => length === 4);
  expect(found[0]).toMatchObject({ key: "ct_ab…abab", message: "cannot: ct_ab…abab" });
  expect(JSON.stringify(found)).not.toContain(CARD);
  failing.clear();
  // The first dead letter is left out, so the group's offset stays before it.
  const place = (index: number) => ({ partition: found[index]?.partition, offset: found[index]?.offset });
  const chosen = { topic: TOPIC, letters: [place(1), place(2)] };
  await expect(putBack(chosen)).resolves.toMatchObject({ status: 200, body: { returned: 2, skipped: [] } });
  await until(
    async () => handled.toSorted(),
    ({ length }) => length === 2,
  );
  expect(handled.toSorted()).toEqual(["three", "two"]);
  expect((await letters()).map(({ offset }) => offset)).toEqual([found[0]?.offset, found[3]?.offset]);
  // A redriven dead letter is not redriven again, not even by the former path.
  await expect(putBack(chosen)).resolves.toMatchObject({ body: { returned: 0 } });
  const former = ops().send("POST", "/v1/dead-letters/return", chosen);
  await expect(former).resolves.toMatchObject({ status: 200, body: { returned: 0 } });
  await expect(putBack({ topic: TOPIC, code: "spec-mismatch" })).resolves.toMatchObject({ body: { returned: 2 } });
  expect(await letters()).toEqual([]);
  await until(
    async () => handled.toSorted(),
    ({ length }) => length === 4,
  );
  expect(handled.toSorted()).toEqual(["four", "one", "three", "two"]);
  const entries = async () =>
    logged
      .parse((await ops("audit:read").get("/v1/audit?action=dead-letters-returned")).body)
      .entries.map(({ actor, subject_id, details }) => ({ actor, subject_id, details }));
  await expect(until(entries, ({ length }) => length >= 2)).resolves.toEqual(
    expect.arrayContaining([
      { actor: "ops", subject_id: TOPIC, details: expect.objectContaining({ codes: ["spec-mismatch"] }) },
    ]),
  );
});

test.each([
  ["without the scope", "operations:read", OPERATOR_TENANT, { topic: TOPIC, code: "internal" }, 403],
  ["another tenant", "operations:write", "acme", { topic: TOPIC, code: "internal" }, 403],
  [
    "a compacted topic, whose newer values they would overwrite",
    "operations:write",
    OPERATOR_TENANT,
    { topic: "lists", code: "internal" },
    422,
  ],
  ["neither letters nor a code", "operations:write", OPERATOR_TENANT, { topic: TOPIC }, 422],
] as const)("does not redrive dead letters: %s", async (_, scope, tenant, body, status) => {
  await expect(ops(scope, tenant).send("POST", "/v1/dead-letters/redrive", body)).resolves.toMatchObject({ status });
});

test("lists a tenant's own erasures with their progress and masked tokens", async () => {
  await bed.as("lea", { tenant: "acme", scope: "personal:erase" }).send("POST", "/v1/erasures", { subject: CARD });
  const look = (tenant: string) => ops("operations:read", tenant).get("/v1/erasures");
  await expect(look("acme")).resolves.toMatchObject({
    body: {
      total: 1,
      unpublished: 0,
      erasures: [{ subject: "ct_ab…abab", is_published: true, published_at: expect.any(String) }],
    },
  });
  await expect(look("shop")).resolves.toMatchObject({ body: { total: 0, erasures: [] } });
});

test("shows the status of the training worker only to the operator", async () => {
  const facts = {
    model: "fraud",
    drift: { day: "2026-11-20", sentence: "Amounts are higher." },
    judged_to: "2026-11-27",
    last_retraining: "2026-11-01",
    next_retraining: "2026-11-29",
    challenger: null,
    failure: null,
  };
  const report = (tenant: string) =>
    bed.as("trainer", { tenant, scope: "models:write" }).send("PUT", "/v1/jobs/training", facts);
  await expect(report("acme")).resolves.toMatchObject({ status: 403 });
  await expect(ops().get("/v1/jobs")).resolves.toEqual({ status: 200, body: { training: null } });
  await expect(report(OPERATOR_TENANT)).resolves.toMatchObject({ status: 204 });
  await expect(ops().get("/v1/jobs")).resolves.toMatchObject({ body: { training: { facts, reported_by: "trainer" } } });
});
