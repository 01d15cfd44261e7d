import { randomBytes } from "node:crypto";
import { AuditEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AUDIT_TOPIC } from "@tripline/contracts/topics";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import type { TestBrowser } from "../testing/test-browser.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

const result = z.object({
  payments: z.array(z.object({ transactionId: z.string() })),
  cases: z.array(z.object({ id: z.string() })),
  entities: z.array(z.object({ kind: z.string(), value: z.string() })),
  users: z.array(z.object({ name: z.string() })),
  reasons: z.array(z.string()),
  isTokenHidden: z.boolean(),
});
const NOTHING = { payments: [], cases: [], entities: [], users: [], reasons: [], isTokenHidden: false };

const hex = randomBytes(6).toString("hex");
const MERCHANT = `m-${hex}-shop`;
const ORDER = `order-${hex}`;
const DEVICE = `dt_${randomBytes(16).toString("hex")}`;
const card = newCard();

let bed: TestBed;
let ana: TestBrowser;
let payment: ReturnType<typeof testPayment>;
let caseId: string;

beforeAll(async () => {
  bed = await startTestBed();
  ana = await bed.as(bed.people.analyst);
  const fields = { merchantId: MERCHANT, acquirerReference: `arn-${hex}` };
  const shared = { id: ORDER, card, terminal: `T-${hex}`, device: DEVICE, amountMinor: 29_690, fields };
  payment = testPayment(bed.tenant, shared);
  const foreign = testPayment(`${bed.tenant}-other`, { ...shared, card: newCard() });
  await bed.producer.send([payment.vector, payment.decision, foreign.vector, foreign.decision]);
  const page = z.object({ cases: z.array(z.object({ id: z.string() })) });
  caseId = await eventually(async () => {
    const { cases } = page.parse((await ana.get("/api/cases")).body);
    expect(cases).toHaveLength(1);
    return cases[0]?.id ?? "";
  });
});
afterAll(() => bed?.close());

async function search(browser: TestBrowser, text: string) {
  return result.parse((await browser.post("/api/search", { text })).body);
}

describe("finds", () => {
  test.each(["296.90", "€296,90", "296.90 EUR"])("a payment by its amount: %s", async (text) => {
    const { payments } = await search(ana, text);
    expect(payments).toEqual([{ transactionId: payment.transactionId }]);
  });

  test("a payment and its case by Tripline's ID or the client's ID, and a payment by the acquirer's reference", async () => {
    const payments = [{ transactionId: payment.transactionId }];
    const cases = [{ id: caseId }];
    expect(await search(ana, payment.transactionId)).toEqual({ ...NOTHING, payments, cases });
    expect(await search(ana, ` ${ORDER} `)).toEqual({ ...NOTHING, payments, cases });
    expect(await search(ana, `arn-${hex}`)).toEqual({ ...NOTHING, payments });
  });

  test("a case by its ID, in full or as its screen shows it", async () => {
    for (const text of [caseId, `Case ${caseId.slice(0, 8)}`, caseId.slice(0, 13)]) {
      expect((await search(ana, text)).cases).toEqual([{ id: caseId }]);
    }
  });

  test("a terminal and a device by their ID, and a merchant by its ID or a part of it", async () => {
    expect((await search(ana, `T-${hex}`)).entities).toEqual([{ kind: "terminal", value: `T-${hex}` }]);
    expect((await search(ana, DEVICE)).entities).toEqual([{ kind: "device", value: DEVICE }]);
    for (const text of [MERCHANT, `${hex}-SHOP`]) {
      expect((await search(ana, text)).entities).toEqual([{ kind: "merchant", value: MERCHANT }]);
    }
  });

  test("users by a part of their name, and reason codes in lower case, with spaces or by a part", async () => {
    expect((await search(ana, "aN")).users).toEqual([{ name: "Ana" }]);
    for (const text of ["score_high", "score high", "HIGH"])
      expect((await search(ana, text)).reasons).toEqual(["SCORE_HIGH"]);
  });
});

test("only users who may see tokens can find a card by its token, and each hit is audited", async () => {
  expect(await search(ana, card)).toEqual({
    ...NOTHING,
    cases: [{ id: caseId }],
    entities: [{ kind: "card", value: card }],
  });
  const vera = await bed.as(bed.people.viewer);
  for (const token of [card, DEVICE]) expect(await search(vera, token)).toEqual({ ...NOTHING, isTokenHidden: true });
  const { body } = await vera.post("/api/search", { text: ORDER });
  expect(JSON.stringify(body)).toContain("…");
  expect(JSON.stringify(body)).not.toContain(card);
  const collector = new BatchCollector();
  const { kafka, tenant } = bed;
  const stopped = { onStop: () => {} };
  const consumer = await kafka.consume({
    group: `search-${tenant}`,
    topics: [AUDIT_TOPIC.name],
    handle: collector.handle,
    ...stopped,
  });
  const viewed = () =>
    collector.records.map(({ value }) => AuditEvent.decode(value)).filter(({ action }) => action === "card-viewed");
  await collector.until(() => viewed().some(({ subjectId }) => subjectId === card), "the view of the card");
  await consumer.close();
  expect(viewed()).toMatchObject([{ actor: bed.people.analyst.id, subjectId: card }]);
});

test("finds nothing from another tenant", async () => {
  const outsider = await bed.as(testPeople(`${bed.tenant}-third`).analyst);
  for (const text of [
    "296.90",
    ORDER,
    payment.transactionId,
    caseId,
    card,
    `T-${hex}`,
    MERCHANT,
    "Ben",
    "SCORE_HIGH",
  ]) {
    expect([text, await search(outsider, text)]).toEqual([text, NOTHING]);
  }
});

test.each([
  ["x".repeat(10_000), "must have at most 200 characters"],
  [" a ", "must have at least 2 characters"],
])("rejects a text of the wrong length", async (text, detail) => {
  const { status, body } = await ana.post("/api/search", { text });
  expect([status, body]).toMatchObject([422, { errors: [{ pointer: "/text", detail }] }]);
});

test.each(["%", "__", "\u0000\u0000", "' OR 1=1 --", "a\\", "ct_%", "4111 1111 1111 1111", "0000-", "🙂🙂"])(
  "%j causes no internal error",
  async (text) => {
    expect((await ana.post("/api/search", { text: text.padEnd(2, "%") })).status).toBeLessThan(500);
  },
);

test("limits how often a user can search", async () => {
  const { analyst } = bed.people;
  const eager = await bed.as({ ...analyst, id: `${analyst.id}-eager` });
  const answers = await Promise.all(Array.from({ length: 120 }, () => eager.post("/api/search", { text: "" })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422, 429]));
});
