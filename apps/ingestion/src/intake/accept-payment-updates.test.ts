import { setTimeout } from "node:timers/promises";
import { DeclinedBy, PaymentUpdate, PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { cardToken, paymentUpdateId, transactionId } from "@tripline/contracts/identifiers";
import { pendingSchema } from "../openapi/response-schemas.js";
import { TestDecider } from "../testing/decider.js";
import type { TestBed, TestClient } from "../testing/service.js";
import { CARD_NUMBER, paymentBody, recordCount, rowsOf, startTestBed, updateBody } from "../testing/service.js";

const PATH = "/v1/payment-updates";
const EUR_5 = { minor: 500, currency: "EUR" };

describe("POST /v1/payment-updates", () => {
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

  const produced = () => recordCount(bed.admin, "payment-updates");
  const idOf = (body: Record<string, unknown>, tenant = "acme") =>
    paymentUpdateId(tenant, String(body.transaction_id), String(body.update_id));

  async function recordOf(body: Record<string, unknown>) {
    for (let tries = 0; tries < 200; tries += 1) {
      const found = decider.updates.find(({ value }) => PaymentUpdate.decode(value).updateId === idOf(body));
      if (found !== undefined) return found;
      await setTimeout(25);
    }
    throw new Error("the update did not arrive");
  }

  test("a refund becomes one record with all its fields, keyed by the card", async () => {
    const body = updateBody({ kind: "refunded", amount: EUR_5 });
    const sentAtMs = Date.now();
    const answer = await client.post(PATH, body);
    expect(answer.status).toBe(202);
    const pending = { id: idOf(body), transaction_id: body.transaction_id, status: "pending" };
    expect(pendingSchema.parse(answer.body)).toEqual(pending);
    const record = await recordOf(body);
    const token = cardToken(bed.config.CARD_TOKEN_KEY, "acme", CARD_NUMBER);
    expect(record).toMatchObject({
      key: token,
      headers: { [HEADERS.schema]: "tripline.events.v1.PaymentUpdate", [HEADERS.tenant]: "acme" },
    });
    const update = PaymentUpdate.decode(record.value);
    expect(update).toEqual({
      updateId: idOf(body),
      tenant: "acme",
      transactionId: transactionId("acme", String(body.transaction_id)),
      clientTransactionId: body.transaction_id,
      cardToken: token,
      kind: PaymentUpdateKind.REFUNDED,
      issuerCode: "",
      amountMinor: 500,
      currency: "EUR",
      updatedAtMs: Date.parse(String(body.occurred_at)),
      acceptedAtMs: expect.any(Number),
      declinedBy: DeclinedBy.UNSPECIFIED,
      clientUpdateId: "u-1",
    });
    expect(update.acceptedAtMs).toBeGreaterThanOrEqual(sentAtMs);
  });

  test("a decline sent by a client is a decline by the issuer, and a preference to wait is ignored", async () => {
    const body = updateBody({ kind: "declined", issuer_code: "51" });
    const answer = await client.post(PATH, body, { prefer: "wait=10" });
    expect(answer.status).toBe(202);
    expect(answer.headers.get("preference-applied")).toBeNull();
    const { value, headers } = await recordOf(body);
    expect(headers[HEADERS.replyTo]).toBeUndefined();
    expect(PaymentUpdate.decode(value)).toMatchObject({
      kind: PaymentUpdateKind.DECLINED,
      declinedBy: DeclinedBy.ISSUER,
      issuerCode: "51",
      amountMinor: undefined,
      currency: "",
    });
  });

  test("a repeated update is accepted without a second record, and a payment can have several updates", async () => {
    const body = updateBody();
    const first = await client.post(PATH, body);
    const before = await produced();
    const again = await client.post(PATH, body);
    expect([again.status, again.headers.get("idempotent-replayed"), again.body]).toEqual([202, "true", first.body]);
    expect(await produced()).toBe(before);
    const next = await client.post(PATH, { ...body, update_id: "u-2", kind: "captured", amount: EUR_5 });
    expect([next.status, await produced()]).toEqual([202, before + 1]);
  });

  test("the same ID with different content is a conflict, and the error names the update", async () => {
    const body = updateBody();
    await client.post(PATH, body);
    const before = await produced();
    for (const change of [{ kind: "declined" }, { issuer_code: "00" }, { card: { token: `ct_${"0".repeat(32)}` } }]) {
      const answer = await client.post(PATH, { ...body, ...change });
      expect(answer.body).toMatchObject({
        status: 409,
        code: "idempotency-conflict",
        detail: expect.stringContaining("update_id u-1"),
      });
    }
    expect(await produced()).toBe(before);
  });

  test("an update from another tenant with the same IDs is a separate update", async () => {
    const body = updateBody();
    const other = await bed.clientOf({ tenant: "globex" });
    const answers = [await client.post(PATH, body), await other.post(PATH, body)];
    expect(answers.map((answer) => [answer.status, Object(answer.body).id])).toEqual([
      [202, idOf(body)],
      [202, idOf(body, "globex")],
    ]);
    expect(idOf(body)).not.toBe(idOf(body, "globex"));
  });

  test("permission to send payments does not include permission to send updates, and vice versa", async () => {
    const payments = await bed.clientOf({ scope: "transactions:write labels:write" });
    const updates = await bed.clientOf({ scope: "payment-updates:write" });
    expect((await payments.post(PATH, updateBody())).body).toMatchObject({ status: 403, code: "scope-missing" });
    expect((await updates.post("/v1/transactions", paymentBody())).status).toBe(403);
    expect((await updates.post(PATH, updateBody())).status).toBe(202);
  });

  test("a batch has one result per line, and an invalid line does not affect the others", async () => {
    const [one, two] = [updateBody(), updateBody({ kind: "reversed", amount: EUR_5 })];
    const lines = [one, { ...two, amount: undefined }, one, { ...one, kind: "declined" }, two];
    const answer = await client.postLines(
      `${PATH}/batch`,
      lines.map((line) => JSON.stringify(line)),
    );
    expect(rowsOf(answer)).toMatchObject([
      { line: 1, status: 202, id: idOf(one) },
      { line: 2, status: 422, problem: { errors: [{ pointer: "/amount", detail: "is missing" }] } },
      { line: 3, status: 202, id: idOf(one) },
      { line: 4, status: 409, problem: { detail: expect.stringContaining("update_id u-1") } },
      { line: 5, status: 202, id: idOf(two) },
    ]);
  });

  const kinds = "authorised, declined, three_ds_completed, three_ds_abandoned, captured, reversed, refunded";
  test.each([
    ["unknown kind", { kind: "settled" }, "/kind", `must be one of ${kinds}`],
    ["no update_id", { update_id: undefined }, "/update_id", "is missing"],
    ["empty update_id", { update_id: "" }, "/update_id", "must be 1 to 64 letters, digits or the characters . _ : -"],
    ["no card", { card: {} }, "/card", "must have either number or token"],
    ["refund without amount", { kind: "refunded" }, "/amount", "is missing"],
    ["refund of zero", { kind: "refunded", amount: { ...EUR_5, minor: 0 } }, "/amount/minor", "must be at least 1"],
    ["negative refund", { kind: "refunded", amount: { ...EUR_5, minor: -1 } }, "/amount/minor", "must be at least 1"],
    ["refund without currency", { kind: "refunded", amount: { minor: 1 } }, "/amount/currency", "is missing"],
    [
      "authorisation with an amount",
      { amount: EUR_5 },
      "/amount",
      "must be omitted unless kind is captured, reversed or refunded",
    ],
    [
      "refund with an issuer code",
      { kind: "refunded", amount: EUR_5, issuer_code: "51" },
      "/issuer_code",
      "must be omitted unless kind is authorised or declined",
    ],
    ["long code", { issuer_code: "x".repeat(17) }, "/issuer_code", "must be 1 to 16 letters, digits, _ and -"],
    [
      "time in the future",
      { occurred_at: new Date(Date.now() + 3.6e6).toISOString() },
      "/occurred_at",
      "must not be in the future",
    ],
    ["unknown field", { colour: "red" }, "/colour", "is not a known field"],
  ])("rejects %s in one sentence", async (_name, change, pointer, detail) => {
    const before = await produced();
    const answer = await client.post(PATH, updateBody(change));
    expect(answer.body).toMatchObject({ status: 422, code: "invalid-field", detail: `${pointer} ${detail}.` });
    expect(await produced()).toBe(before);
  });
});
