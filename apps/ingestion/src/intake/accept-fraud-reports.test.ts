import { setTimeout } from "node:timers/promises";
import {
  FraudReport,
  FraudReportKind,
  FraudReportStage,
  FraudVerdict,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { cardToken, fraudReportId, transactionId } from "@tripline/contracts/identifiers";
import { pendingSchema } from "../openapi/response-schemas.js";
import { TestDecider } from "../testing/decider.js";
import type { TestBed, TestClient } from "../testing/service.js";
import { CARD_NUMBER, recordCount, reportBody, rowsOf, startTestBed, updateBody } from "../testing/service.js";

const PATH = "/v1/fraud-reports";
const EUR_5 = { minor: 500, currency: "EUR" };

describe("POST /v1/fraud-reports", () => {
  let bed: TestBed;
  let client: TestClient;
  let decider: TestDecider;

  beforeAll(async () => {
    bed = await startTestBed({
      FRAUD_REPORT_POLICIES: '{"globex":{"version":"g-7","counts":{"refund":"fraud","chargeback/received":"nothing"}}}',
    });
    client = bed.client;
    decider = new TestDecider(bed.kafka, bed.redis);
    await decider.start();
  });

  afterAll(async () => {
    await decider?.close();
    await bed?.close();
  });

  const produced = () => recordCount(bed.admin, "fraud-reports");
  const idOf = ({ report_id, version = 1 }: Record<string, unknown>, tenant = "acme") =>
    fraudReportId(tenant, String(report_id), Number(version));

  async function recordOf(body: Record<string, unknown>, tenant = "acme") {
    for (let tries = 0; tries < 200; tries += 1) {
      const found = decider.reports.find(({ value }) => FraudReport.decode(value).reportId === idOf(body, tenant));
      if (found !== undefined) return found;
      await setTimeout(25);
    }
    throw new Error("the report did not arrive");
  }

  test("a report becomes one record with all its fields, keyed by the card", async () => {
    const body = reportBody({ version: 2, stage: "won", reason_code: "10.4", amount: EUR_5, withdrawn: true });
    const answer = await client.post(PATH, body);
    expect(answer.status).toBe(202);
    const pending = { id: idOf(body), transaction_id: body.transaction_id, status: "pending" };
    expect(pendingSchema.parse(answer.body)).toEqual(pending);
    const record = await recordOf(body);
    const token = cardToken(bed.config.CARD_TOKEN_KEY, "acme", CARD_NUMBER);
    expect(record).toMatchObject({
      key: token,
      headers: { [HEADERS.schema]: "tripline.events.v1.FraudReport", [HEADERS.tenant]: "acme" },
    });
    expect(FraudReport.decode(record.value)).toEqual({
      reportId: idOf(body),
      tenant: "acme",
      transactionId: transactionId("acme", String(body.transaction_id)),
      clientTransactionId: body.transaction_id,
      cardToken: token,
      terminalId: body.terminal_id,
      occurredAtMs: Date.parse(String(body.occurred_at)),
      clientReportId: body.report_id,
      version: 2,
      kind: FraudReportKind.CHARGEBACK,
      stage: FraudReportStage.WON,
      withdrawn: true,
      reasonCode: "10.4",
      amountMinor: 500,
      currency: "EUR",
      reportedAtMs: expect.any(Number),
      acceptedAtMs: expect.any(Number),
      verdict: FraudVerdict.GENUINE,
      policyVersion: "default-1",
      acquirerReference: "",
      authorisationCode: "",
      file: "",
      matchedBy: "",
    });
  });

  test("a report can identify a card or an acquirer reference instead of a payment; the latter is keyed by its own ID", async () => {
    const references = {
      acquirer_reference: "24692164001000123456789",
      authorisation_code: "A1B2C3",
      file: "tc40.csv",
    };
    const byCard = reportBody({ transaction_id: undefined, amount: EUR_5, ...references });
    const byReference = reportBody({ transaction_id: undefined, card: undefined, ...references });
    const token = cardToken(bed.config.CARD_TOKEN_KEY, "acme", CARD_NUMBER);
    for (const [body, key] of [
      [byCard, token],
      [byReference, idOf(byReference)],
    ] as const) {
      const answer = await client.post(PATH, body);
      expect(answer).toMatchObject({ status: 202, body: { id: idOf(body), status: "pending" } });
      expect(answer.body).not.toHaveProperty("transaction_id");
      const record = await recordOf(body);
      expect(record.key).toBe(key);
      expect(FraudReport.decode(record.value)).toMatchObject({
        transactionId: "",
        clientTransactionId: "",
        cardToken: key === token ? token : "",
        acquirerReference: references.acquirer_reference,
        authorisationCode: references.authorisation_code,
        file: references.file,
        matchedBy: "",
      });
    }
    const changed = await client.post(PATH, { ...byReference, authorisation_code: "B2" });
    expect(changed.body).toMatchObject({ status: 409, code: "idempotency-conflict" });
  });

  test("the verdict depends on the tenant's policy; kinds without an entry use the default", async () => {
    const globex = await bed.clientOf({ tenant: "globex" });
    const [refund, chargeback, tc40] = [reportBody({ kind: "refund" }), reportBody(), reportBody({ kind: "tc40" })];
    const verdictsOf = async (tenant: string, sender: TestClient) => {
      const verdicts: string[] = [];
      for (const body of [refund, chargeback, tc40]) {
        await sender.post(PATH, body);
        const { verdict, policyVersion } = FraudReport.decode((await recordOf(body, tenant)).value);
        verdicts.push(`${policyVersion} ${FraudVerdict[verdict]}`);
      }
      return verdicts;
    };
    expect(await verdictsOf("acme", client)).toEqual(["default-1 NOTHING", "default-1 FRAUD", "default-1 FRAUD"]);
    expect(await verdictsOf("globex", globex)).toEqual(["g-7 FRAUD", "g-7 NOTHING", "g-7 FRAUD"]);
  });

  test("a retry adds no record, a new version adds one, and different content is a conflict", async () => {
    const body = reportBody({ amount: EUR_5 });
    const first = await client.post(PATH, body);
    const before = await produced();
    const again = await client.post(PATH, { ...body, version: 1, stage: "received", withdrawn: false });
    expect([again.status, again.headers.get("idempotent-replayed"), again.body]).toEqual([202, "true", first.body]);
    for (const change of [{ kind: "tc40" }, { amount: { ...EUR_5, minor: 499 } }, { transaction_id: "other" }]) {
      const answer = await client.post(PATH, { ...body, ...change });
      expect(answer.body).toMatchObject({
        status: 409,
        code: "idempotency-conflict",
        detail: expect.stringContaining(`report_id ${body.report_id} and version 1`),
      });
    }
    expect(await produced()).toBe(before);
    expect((await client.post(PATH, { ...body, version: 2, stage: "lost" })).status).toBe(202);
    expect(await produced()).toBe(before + 1);
  });

  test("only clients with the scope may send reports", async () => {
    const others = await bed.clientOf({ scope: "labels:write payment-updates:write" });
    const reports = await bed.clientOf({ scope: "fraud-reports:write" });
    expect((await others.post(PATH, reportBody())).body).toMatchObject({ status: 403, code: "scope-missing" });
    expect((await reports.post("/v1/payment-updates", updateBody())).status).toBe(403);
    expect((await reports.post(PATH, reportBody())).status).toBe(202);
  });

  test("a batch has one result per line, and an invalid line does not affect the others", async () => {
    const [one, two] = [reportBody(), reportBody({ kind: "safe" })];
    const lines = [one, { ...two, stage: "won" }, one, { ...one, kind: "refund" }, two];
    const answer = await client.postLines(
      `${PATH}/batch`,
      lines.map((line) => JSON.stringify(line)),
    );
    const detail = "must be received, or omitted, unless kind is chargeback";
    expect(rowsOf(answer)).toMatchObject([
      { line: 1, status: 202, id: idOf(one) },
      { line: 2, status: 422, problem: { errors: [{ pointer: "/stage", detail }] } },
      { line: 3, status: 202, id: idOf(one) },
      { line: 4, status: 409, problem: { detail: expect.stringContaining("and version 1") } },
      { line: 5, status: 202, id: idOf(two) },
    ]);
  });

  const kinds = "chargeback, tc40, safe, early_warning, refund, analyst, customer";
  test.each([
    ["unknown kind", { kind: "rumour" }, "/kind", `must be one of ${kinds}`],
    ["no report_id", { report_id: undefined }, "/report_id", "is missing"],
    ["card without an amount", { transaction_id: undefined }, "/amount", "is missing"],
    ["neither payment nor card", { transaction_id: undefined, card: undefined }, "/transaction_id", "is missing"],
    ["payment without a card", { card: undefined }, "/card", "is missing"],
    ["card number as file", { file: `${CARD_NUMBER}.csv` }, "/file", "must not contain a card number"],
    ["card number as report_id", { report_id: CARD_NUMBER }, "/report_id", "must not contain a card number"],
    ["card number as reason", { reason_code: CARD_NUMBER }, "/reason_code", "must not contain a card number"],
    ["version 0", { version: 0 }, "/version", "must be a whole number from 1 to 1000000"],
    ["amount of zero", { amount: { ...EUR_5, minor: 0 } }, "/amount/minor", "must be at least 1"],
    [
      "time before the payment",
      { reported_at: "2020-01-01T00:00:00Z" },
      "/reported_at",
      "must not be before occurred_at",
    ],
    [
      "time in the future",
      { reported_at: new Date(Date.now() + 3.6e6).toISOString() },
      "/reported_at",
      "must not be in the future",
    ],
  ])("rejects %s in one sentence", async (_name, change, pointer, detail) => {
    const answer = await client.post(PATH, reportBody(change));
    expect(answer.body).toMatchObject({ status: 422, code: "invalid-field", detail: `${pointer} ${detail}.` });
  });
});
