import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId, withLuhnDigit } from "@tripline/contracts/identifiers";
import { labelLineSchema, paymentLineSchema } from "../openapi/response-schemas.js";
import { BATCH_LINES_MAX } from "../requests/limits.js";
import { TestDecider } from "../testing/decider.js";
import type { Answer, TestBed, TestClient } from "../testing/service.js";
import { labelBody, paymentBody, recordCount, rowsOf, startTestBed } from "../testing/service.js";

const PATH = "/v1/transactions/batch";

describe("batches", () => {
  let bed: TestBed;
  let client: TestClient;
  let decider: TestDecider;

  beforeAll(async () => {
    bed = await startTestBed();
    client = bed.client;
    decider = new TestDecider(bed.kafka, bed.redis);
    await decider.start();
  });

  afterAll(async () => {
    await decider.close();
    await bed.close();
  });

  const produced = () => recordCount(bed.admin, "transactions");

  /** Retries like a client, because on a busy machine Kafka may respond too late, which results in 503 for a line. */
  async function sendUntilDecided(lines: readonly string[]): Promise<{ answer: Answer; tries: number }> {
    for (let tries = 1; ; tries += 1) {
      const answer = await client.postLines(PATH, lines, { prefer: "wait=30" });
      const isOpen = rowsOf(answer).some(({ status }) => status === 503 || status === 202);
      if (!isOpen || tries === 5) return { answer, tries };
    }
  }

  test("decides the valid lines of a 10,000-line batch that contains an invalid line, in order for each card", async () => {
    const cards = Array.from({ length: 50 }, (_card, index) => withLuhnDigit(`40000000000${1_000 + index}`));
    const bodies = Array.from({ length: BATCH_LINES_MAX }, (_line, index) =>
      paymentBody({ transaction_id: `bulk-${index}`, card: { number: cards[index % cards.length] } }),
    );
    const lines = bodies.map((body, index) =>
      index === 4_321 ? JSON.stringify({ ...body, amount: 1 }) : JSON.stringify(body),
    );
    const before = await produced();
    const { answer, tries } = await sendUntilDecided(lines);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain("application/x-ndjson");
    const rows = rowsOf(answer).map((row) => paymentLineSchema.parse(row));
    expect(rows.map(({ line }) => line)).toEqual(lines.map((_line, index) => index + 1));
    const refused = rows.filter((row) => row.status !== 200);
    expect(refused).toMatchObject([
      { line: 4_322, status: 422, problem: { code: "invalid-field", errors: [{ pointer: "/amount" }] } },
    ]);
    expect(rows[9_999]).toMatchObject({ status: 200, decision: { transaction_id: "bulk-9999", outcome: "review" } });
    const after = await produced();
    if (tries === 1) expect(after).toBe(before + BATCH_LINES_MAX - 1);

    // Orders records by offset and removes duplicates, because records are redelivered after a rebalance or retry.
    const stored = decider.payments.toSorted((one, other) => one.offset - other.offset);
    const seen = new Set<string>();
    const lastOf = new Map<string, number>();
    for (const { key, value } of stored) {
      const { clientTransactionId } = Transaction.decode(value);
      if (seen.has(clientTransactionId)) continue;
      seen.add(clientTransactionId);
      const number = Number(clientTransactionId.replace("bulk-", ""));
      expect(number).toBeGreaterThan(lastOf.get(key) ?? -1);
      lastOf.set(key, number);
    }
    expect(seen.size).toBe(BATCH_LINES_MAX - 1);
    expect(lastOf.size).toBe(cards.length);

    // The same batch, sent again without waiting, gets the same decisions and adds no record.
    const again = rowsOf(await client.postLines(PATH, lines));
    expect(again).toEqual(rowsOf(answer));
    expect(await produced()).toBe(after);
  });

  test("without Prefer, every line has the location of its decision; a trailing newline adds no line", async () => {
    const body = paymentBody();
    const answer = await client.postLines(PATH, [JSON.stringify(body), ""]);
    const id = transactionId("acme", String(body.transaction_id));
    expect(rowsOf(answer)).toEqual([{ line: 1, status: 202, id, location: `/v1/decisions/${id}` }]);
  });

  test("a repeated line is the same payment; with different content, it is a conflict", async () => {
    const body = paymentBody();
    const before = await produced();
    const other = { ...body, terminal_id: "t-1" };
    const lines = [body, body, other].map((line) => JSON.stringify(line));
    const rows = rowsOf(await client.postLines(PATH, lines, { prefer: "wait=10" }));
    expect(rows).toMatchObject([
      { line: 1, status: 200, decision: { transaction_id: body.transaction_id } },
      { line: 2, status: 200, decision: { transaction_id: body.transaction_id } },
      { line: 3, status: 409, problem: { code: "idempotency-conflict" } },
    ]);
    expect(await produced()).toBe(before + 1);
  });

  test("a line that conflicts with an earlier request does not affect the others", async () => {
    const body = paymentBody();
    await client.post("/v1/transactions", body);
    const lines = [{ ...body, terminal_id: "t-1" }, paymentBody()].map((line) => JSON.stringify(line));
    const rows = rowsOf(await client.postLines(PATH, lines, { prefer: "wait=10" }));
    expect(rows).toMatchObject([{ status: 409 }, { status: 200 }]);
  });

  test("labels: applies valid lines and rejects invalid ones", async () => {
    const body = labelBody();
    const lines = [body, labelBody({ fraud: "yes" }), labelBody()].map((line) => JSON.stringify(line));
    const answer = await client.postLines("/v1/labels/batch", lines, { prefer: "wait=10" });
    const rows = rowsOf(answer).map((row) => labelLineSchema.parse(row));
    expect(rows).toMatchObject([{ status: 200 }, { status: 422 }, { status: 200 }]);
    expect(await recordCount(bed.admin, "labels")).toBe(2);
    const again = await client.postLines("/v1/labels/batch", lines);
    expect(rowsOf(again)).toMatchObject([{ status: 200 }, { status: 422 }, { status: 200 }]);
    expect(await recordCount(bed.admin, "labels")).toBe(2);
  });
});
