import { Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { cardToken, labelId } from "@tripline/contracts/identifiers";
import { registry } from "@tripline/telemetry/metrics";
import { appliedSchema } from "../openapi/response-schemas.js";
import { TestDecider } from "../testing/decider.js";
import type { TestBed, TestClient } from "../testing/service.js";
import { CARD_NUMBER, labelBody, paymentBody, recordCount, startTestBed } from "../testing/service.js";

const PATH = "/v1/labels";
const WAIT = { prefer: "wait=10" };

describe("POST /v1/labels", () => {
  let bed: TestBed;
  let client: TestClient;
  let decider: TestDecider;

  beforeAll(async () => {
    bed = await startTestBed();
    client = bed.client;
    decider = new TestDecider(bed.kafka, bed.redis);
    await decider.start();
  });

  beforeEach(() => {
    decider.isSilent = false;
  });

  afterAll(async () => {
    await decider.close();
    await bed.close();
  });

  const produced = () => recordCount(bed.admin, "labels");
  const idOf = (body: Record<string, unknown>) => labelId("acme", String(body.transaction_id));

  test("regression #24: a Tripline service can post a label for a tenant that it names, but no other caller can", async () => {
    const relay = await bed.clientOf({ tenant: "tripline", scope: "labels:relay" });
    const body = { ...labelBody(), source: "analyst" };
    await expect(relay.post(PATH, body, { ...WAIT, "tripline-tenant": "acme" })).resolves.toMatchObject({
      status: 200,
      body: { id: idOf(body) },
    });
    const record = decider.labels.find(({ value }) => Label.decode(value).labelId === idOf(body));
    expect(Label.decode(record?.value ?? new Uint8Array())).toMatchObject({ tenant: "acme", source: "analyst" });
    const denied = { status: 403, body: { code: "scope-missing" } };
    // Without the header, there is no tenant to post for. The header is valid only for labels.
    await expect(relay.post(PATH, labelBody())).resolves.toMatchObject(denied);
    await expect(relay.post("/v1/transactions", paymentBody(), { "tripline-tenant": "acme" })).resolves.toMatchObject(
      denied,
    );
    await expect(client.post(PATH, labelBody(), { "tripline-tenant": "other" })).resolves.toMatchObject(denied);
    await expect(relay.post(PATH, labelBody(), { "tripline-tenant": "a b" })).resolves.toMatchObject({
      status: 400,
      body: { code: "invalid-header" },
    });
  });

  test("with Prefer: wait, responds after the label is applied, and writes one complete record", async () => {
    const body = labelBody({ labelled_at: new Date(Date.now() - 500).toISOString() });
    const answer = await client.post(PATH, body, WAIT);
    expect(answer.status).toBe(200);
    expect(appliedSchema.parse(answer.body)).toEqual({
      id: idOf(body),
      transaction_id: body.transaction_id,
      status: "applied",
    });
    const record = decider.labels.find(({ value }) => Label.decode(value).labelId === idOf(body));
    const token = cardToken(bed.config.CARD_TOKEN_KEY, "acme", CARD_NUMBER);
    expect(record).toMatchObject({
      key: token,
      headers: { [HEADERS.schema]: "tripline.events.v1.Label", [HEADERS.tenant]: "acme" },
    });
    expect(Label.decode(record?.value ?? new Uint8Array())).toEqual({
      labelId: idOf(body),
      tenant: "acme",
      clientTransactionId: body.transaction_id,
      cardToken: token,
      terminalId: "t-42",
      occurredAtMs: Date.parse(String(body.occurred_at)),
      labelledAtMs: Date.parse(String(body.labelled_at)),
      fraud: true,
      source: "chargeback",
      reportId: "",
      policyVersion: "",
      replacedAtMs: undefined,
    });
  });

  test("the label of a payment without a terminal has no terminal", async () => {
    const { terminal_id: _, ...body } = labelBody();
    expect((await client.post(PATH, body, WAIT)).status).toBe(200);
    const record = decider.labels.find(({ value }) => Label.decode(value).labelId === idOf(body));
    expect(Label.decode(record?.value ?? new Uint8Array())).toMatchObject({ terminalId: "", source: "chargeback" });
    const changed = await client.post(PATH, { ...body, terminal_id: "t-42" });
    expect(changed.body).toMatchObject({ status: 409, code: "idempotency-conflict" });
  });

  test("without Prefer, responds 202; labelled_at defaults to now, and source to the client", async () => {
    const { source: _, ...body } = labelBody();
    const sentAtMs = Date.now();
    const answer = await client.post(PATH, body);
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ id: idOf(body), transaction_id: body.transaction_id, status: "pending" });
    expect((await client.post(PATH, labelBody(), WAIT)).status).toBe(200);
    const all = decider.labels.map(({ value }) => Label.decode(value));
    const label = all.find(({ labelId: id }) => id === idOf(body));
    expect(label?.source).toBe("client");
    expect(label?.labelledAtMs).toBeGreaterThanOrEqual(sentAtMs);
    expect(label?.labelledAtMs).toBeLessThanOrEqual(Date.now());
  });

  test("a duplicate label gets the same response, without another record", async () => {
    const body = labelBody();
    const first = await client.post(PATH, body, WAIT);
    const before = await produced();
    for (const headers of [{}, WAIT]) {
      const again = await client.post(PATH, body, headers);
      expect(again.status).toBe(200);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(again.body).toEqual(first.body);
    }
    expect(await produced()).toBe(before);
  });

  test("sends a label again for a waiting caller if the label is not marked as applied", async () => {
    decider.isSilent = true;
    const body = labelBody();
    expect((await client.post(PATH, body)).status).toBe(202);
    const before = await produced();
    expect((await client.post(PATH, body)).headers.get("idempotent-replayed")).toBe("true");
    expect(await produced()).toBe(before);
    decider.isSilent = false;
    expect((await client.post(PATH, body, WAIT)).status).toBe(200);
    expect(await produced()).toBe(before + 1);
  });

  test("counts labels and payments by topic, since only payments are decided", async () => {
    const counted = async () => {
      const all = (await registry.getSingleMetric("tripline_ingestion_events_total")?.get())?.values ?? [];
      return Object.fromEntries(all.map(({ labels, value }) => [labels.topic, value]));
    };
    const { transactions = Number.NaN, labels = Number.NaN, ...others } = await counted();
    await client.post(PATH, labelBody(), WAIT);
    expect(await counted()).toEqual({ ...others, transactions, labels: labels + 1 });
    await client.post("/v1/transactions", paymentBody());
    expect(await counted()).toEqual({ ...others, transactions: transactions + 1, labels: labels + 1 });
  });

  test("different content for the same payment is a conflict", async () => {
    const body = labelBody();
    await client.post(PATH, body, WAIT);
    const before = await produced();
    const answer = await client.post(PATH, { ...body, fraud: false });
    expect(answer.body).toMatchObject({ status: 409, code: "idempotency-conflict" });
    expect(await produced()).toBe(before);
  });

  test("a payment and its label do not conflict, and do not share an Idempotency-Key", async () => {
    const body = labelBody();
    const payment = paymentBody({ transaction_id: body.transaction_id });
    const key = { "idempotency-key": "one-key" };
    expect((await client.post("/v1/transactions", payment, { ...WAIT, ...key })).status).toBe(200);
    expect((await client.post(PATH, body, { ...WAIT, ...key })).status).toBe(409);
    expect((await client.post(PATH, body, WAIT)).status).toBe(200);
  });
});
