import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { cardToken, keyedToken, transactionId } from "@tripline/contracts/identifiers";
import { decisionSchema, pendingSchema } from "../openapi/response-schemas.js";
import { startIngestion } from "../start-ingestion.js";
import { decisionFor, storeDecision, TestDecider } from "../testing/decider.js";
import type { Answer, TestBed, TestClient } from "../testing/service.js";
import { CARD_NUMBER, paymentBody, recordCount, startTestBed } from "../testing/service.js";
import { preparePayment } from "./prepare-event.js";
import { requestKey } from "./reserve-requests.js";

const PATH = "/v1/transactions";
const WAIT = { prefer: "wait=10" };
const idOf = (body: Record<string, unknown>, tenant = "acme") => transactionId(tenant, String(body.transaction_id));

describe("POST /v1/transactions", () => {
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

  const produced = () => recordCount(bed.admin, "transactions");

  const paymentOf = (body: Record<string, unknown>) => {
    const rules = { cardTokenKey: bed.config.CARD_TOKEN_KEY, eventAgeDaysMax: 30 };
    return Transaction.decode(preparePayment(body, "acme", Date.now(), rules).value);
  };

  async function expectNothingProducedBy(work: () => Promise<Answer>): Promise<Answer> {
    const before = await produced();
    const answer = await work();
    expect(await produced()).toBe(before);
    return answer;
  }

  test("without Prefer, returns 202 with the location of the decision, and writes one complete record", async () => {
    const body = paymentBody();
    const sentAtMs = Date.now();
    const answer = await client.post(PATH, body);
    expect(answer.status).toBe(202);
    expect(answer.headers.get("location")).toBe(`/v1/decisions/${idOf(body)}`);
    expect(answer.headers.get("preference-applied")).toBeNull();
    expect(answer.body).toEqual({ id: idOf(body), transaction_id: body.transaction_id, status: "pending" });

    // The decision exists once the record has been handled.
    const decided = await untilDecided(idOf(body));
    expect(decided.body).toMatchObject({ id: idOf(body), status: "decided", outcome: "review" });
    const record = decider.payments.find(({ value }) => Transaction.decode(value).transactionId === idOf(body));
    const token = cardToken(bed.config.CARD_TOKEN_KEY, "acme", CARD_NUMBER);
    expect(record?.key).toBe(token);
    expect(record?.headers).toMatchObject({
      [HEADERS.schema]: "tripline.events.v1.Transaction",
      [HEADERS.tenant]: "acme",
      [HEADERS.deadline]: expect.stringMatching(/^\d{13}$/),
    });
    expect(record?.headers).not.toHaveProperty(HEADERS.replyTo);
    const deadlineMs = Number(record?.headers[HEADERS.deadline]);
    expect(deadlineMs).toBeGreaterThanOrEqual(sentAtMs + 2_000);
    expect(deadlineMs).toBeLessThanOrEqual(Date.now() + 2_000);
    const payment = Transaction.decode(record?.value ?? new Uint8Array());
    expect(payment).toMatchObject({
      tenant: "acme",
      clientTransactionId: body.transaction_id,
      cardToken: token,
      ...UNSENT,
      terminalId: "t-42",
      amountMinor: 1_299,
      currency: "EUR",
      occurredAtMs: Date.parse(String(body.occurred_at)),
      bin: CARD_NUMBER.slice(0, 8),
    });
    expect([payment.latitude, payment.longitude]).toEqual([undefined, undefined]);
    expect(payment.acceptedAtMs).toBeGreaterThanOrEqual(sentAtMs);
  });

  async function untilDecided(id: string): Promise<Answer> {
    for (let attempt = 0; attempt < 1_200; attempt += 1) {
      const answer = await client.get(`/v1/decisions/${id}`);
      if (answer.status === 200) return answer;
      expect(answer.status).toBe(202);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(pendingSchema.parse(answer.body)).toEqual({ id, status: "pending" });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`${id} was not decided`);
  }

  test("with Prefer: wait, returns the decision", async () => {
    const body = paymentBody();
    const answer = await client.post(PATH, body, WAIT);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("preference-applied")).toBe("wait=10");
    expect(answer.headers.get("idempotent-replayed")).toBeNull();
    expect(decisionSchema.parse(answer.body)).toMatchObject({
      id: idOf(body),
      transaction_id: body.transaction_id,
      status: "decided",
      outcome: "review",
      reasons: [{ code: "AMOUNT_FAR_ABOVE_OWN_MEAN", outcome: "review" }],
      score: 0.25,
      fallback_level: "model",
      rung: "model",
      degraded_because: null,
      model: { name: "fraud", version: "0123456789ab" },
      occurred_at: body.occurred_at,
    });
  });

  test("replaces the longest device ID and address with tokens, and keeps an extreme location", async () => {
    const device_id = "\u{1f4f1}".repeat(128);
    const body = paymentBody({ device_id, ip_address: "203.0.113.7", location: { latitude: -90, longitude: 180 } });
    expect((await client.post(PATH, body, WAIT)).status).toBe(200);
    const record = decider.payments.find(({ value }) => Transaction.decode(value).transactionId === idOf(body));
    expect(Transaction.decode(record?.value ?? new Uint8Array())).toMatchObject({
      cardToken: cardToken(bed.config.CARD_TOKEN_KEY, "acme", CARD_NUMBER),
      deviceToken: keyedToken("device", bed.config.CARD_TOKEN_KEY, "acme", device_id),
      ipToken: keyedToken("ip", bed.config.CARD_TOKEN_KEY, "acme", "203.0.113.7"),
      latitude: -90,
      longitude: 180,
    });
  });

  const sent = (change: Record<string, unknown>) => paymentOf(paymentBody(change));
  test("device, address, e-mail address, countries and location can each be sent without the others", () => {
    const place = { latitude: 0, longitude: 0 };
    const absent = {
      ...UNSENT,
      terminalId: "t-42",
      bin: CARD_NUMBER.slice(0, 8),
      latitude: undefined,
      longitude: undefined,
    };
    const some = expect.stringMatching(/^[dien]t_[0-9a-f]{32}$/);
    expect(sent({ device_id: "d" })).toMatchObject({ ...absent, deviceToken: some });
    expect(sent({ ip_address: "::1" })).toMatchObject({ ...absent, ipToken: some, networkToken: some });
    expect(sent({ email: "ada@example.com" })).toMatchObject({ ...absent, emailToken: some });
    expect(sent({ card_country: "BE" })).toMatchObject({ ...absent, cardCountry: "BE" });
    expect(sent({ merchant_country: "FR" })).toMatchObject({ ...absent, merchantCountry: "FR" });
    expect(sent({ ip_country: "DE" })).toMatchObject({ ...absent, ipCountry: "DE" });
    expect(sent({ location: place })).toMatchObject({ ...absent, ...place });
  });

  test("the record contains tokens for mailbox and network, and the first digits of the card", () => {
    expect(sent({ email: "Ada+shop@Example.com", ip_address: "203.0.113.7" })).toMatchObject({
      emailToken: keyedToken("email", bed.config.CARD_TOKEN_KEY, "acme", "ada@example.com"),
      networkToken: keyedToken("network", bed.config.CARD_TOKEN_KEY, "acme", "203.0.113"),
    });
    const [token, number] = [`ct_${"0".repeat(32)}`, "378282246310005"];
    const cards = [{ token }, { token, bin: "422222" }, { number }];
    expect(cards.map((one) => sent({ card: one }).bin)).toEqual(["", "422222", "378282"]);
  });

  test("accepts an amount of 0, as in an account check", async () => {
    const answer = await client.post(PATH, paymentBody({ amount: { minor: 0, currency: "EUR" } }), WAIT);
    expect(answer.status).toBe(200);
  });

  test("a request whose wait times out gets 202, and long waits are reduced to the maximum", async () => {
    decider.isSilent = true;
    const body = paymentBody();
    const answer = await client.post(PATH, body, { prefer: "wait=0.05" });
    expect(answer.status).toBe(202);
    expect(answer.headers.get("preference-applied")).toBe("wait=0.05");
    expect(answer.headers.get("location")).toBe(`/v1/decisions/${idOf(body)}`);
    decider.isSilent = false;
    const long = await client.post(PATH, paymentBody(), { prefer: "wait=3600" });
    expect(long.status).toBe(200);
    expect(long.headers.get("preference-applied")).toBe("wait=30");
  });

  test("finds the decision of a lost reply before the wait ends with 202", async () => {
    decider.isSilent = true;
    const body = paymentBody();
    const answering = client.post(PATH, body, { prefer: "wait=0.5" });
    const payment = paymentOf(body);
    await storeDecision(bed.redis, decisionFor(payment));
    expect((await answering).status).toBe(200);
  });

  test("a retry gets the first decision, without another record", async () => {
    const body = paymentBody();
    const first = await client.post(PATH, body, WAIT);
    expect(await bed.redis.get(requestKey("acme", idOf(body)))).toMatch(/^a:/);
    const again = await expectNothingProducedBy(() => client.post(PATH, body));
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.body).toEqual(first.body);
    const waiting = await expectNothingProducedBy(() => client.post(PATH, body, WAIT));
    expect(waiting.body).toEqual(first.body);
  });

  test("treats a request in another JSON notation as the same request", async () => {
    const body = paymentBody({ occurred_at: new Date(Math.floor(Date.now() / 1_000 - 10) * 1_000).toISOString() });
    await client.post(PATH, body, WAIT);
    const seconds = Date.parse(String(body.occurred_at)) / 1_000;
    const local = new Date((seconds + 3_600) * 1_000).toISOString().replace(".000Z", "+01:00");
    const token = cardToken(bed.config.CARD_TOKEN_KEY, "acme", CARD_NUMBER);
    const again = await client.post(PATH, { ...body, occurred_at: local, card: { token } });
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
  });

  test.each([
    ["203.0.113.7", "::ffff:203.0.113.7"],
    ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1"],
  ])(
    "treats the address %s in another notation as the same request, with the same token",
    async (ip_address, other) => {
      const body = paymentBody({ ip_address });
      await client.post(PATH, body, WAIT);
      const again = await expectNothingProducedBy(() => client.post(PATH, { ...body, ip_address: other }));
      expect(again.status).toBe(200);
      expect(paymentOf({ ...body, ip_address: other }).ipToken).toBe(paymentOf(body).ipToken);
    },
  );

  test("a retry for an undecided payment gets 202, or waits if requested", async () => {
    decider.isSilent = true;
    const body = paymentBody();
    await client.post(PATH, body);
    const again = await expectNothingProducedBy(() => client.post(PATH, body));
    expect(again.status).toBe(202);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    const startedAtMs = Date.now();
    const waiting = expectNothingProducedBy(() => client.post(PATH, body, { prefer: "wait=30" }));
    const payment = paymentOf(body);
    // By then, the request has looked for a decision once and waits.
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Nothing is published, as if the first attempt had reached another instance.
    await storeDecision(bed.redis, decisionFor(payment));
    const answer = await waiting;
    expect(answer.status).toBe(200);
    // The request found the decision while it waited, not only at its deadline.
    expect(Date.now() - startedAtMs).toBeLessThan(25_000);
    expect(answer.headers.get("idempotent-replayed")).toBe("true");
  });

  test("another body with the same transaction_id is a conflict", async () => {
    const body = paymentBody();
    await client.post(PATH, body, WAIT);
    const changed = { ...body, amount: { minor: 1_300, currency: "EUR" } };
    const answer = await expectNothingProducedBy(() => client.post(PATH, changed));
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ code: "idempotency-conflict" });
  });

  const payer = { email: "ada@example.com", card_country: "BE", merchant_country: "FR", ip_country: "BE" };
  const origin = {
    ...payer,
    device_id: "d-1",
    ip_address: "203.0.113.7",
    location: { latitude: 50.1, longitude: 4.2 },
  };
  test.each([
    ["another device", { ...origin, device_id: "d-2" }],
    ["no device", { ...origin, device_id: undefined }],
    ["another address", { ...origin, ip_address: "203.0.113.8" }],
    ["no address", { ...origin, ip_address: undefined }],
    ["another latitude", { ...origin, location: { latitude: 50.2, longitude: 4.2 } }],
    ["another longitude", { ...origin, location: { latitude: 50.1, longitude: 4.3 } }],
    ["no place", { ...origin, location: undefined }],
    ["another e-mail address", { ...origin, email: "eve@example.com" }],
    ["no e-mail address", { ...origin, email: undefined }],
    ["no terminal", { ...origin, terminal_id: undefined }],
    ["another country of the card", { ...origin, card_country: "FR" }],
    ["another country of the merchant", { ...origin, merchant_country: "BE" }],
    ["no country of the address", { ...origin, ip_country: undefined }],
    ["a merchant", { ...origin, merchant_id: "m-1" }],
    ["an account", { ...origin, account_id: "user-1" }],
    ["a test flag", { ...origin, is_test: false }],
    ["an attribute", { ...origin, attributes: { tier: "gold" } }],
    ["none of them", Object.fromEntries(Object.keys(origin).map((field) => [field, undefined]))],
  ])("%s with the same transaction_id is a conflict", async (_name, changes) => {
    const body = paymentBody(origin);
    await client.post(PATH, body, WAIT);
    const answer = await expectNothingProducedBy(() => client.post(PATH, { ...body, ...changes }));
    expect(answer.body).toMatchObject({ status: 409, code: "idempotency-conflict" });
    expect((await client.post(PATH, body)).status).toBe(200);
  });

  test.each<[object, string]>([
    [{}, "sIVO_6LlGvt9WigWbTILIPWGo0Eqjx9A8eoetc5_3RE"],
    [{ device_id: "d-1" }, "ktGuLj_HCLQ26K0JRJrxaAjKfxbNos47JMtI7F8b1gM"],
    [{ location: { latitude: 0, longitude: -0.5 } }, "_PfQcXYtuwvYqrHRR9ZY0k0WtcIFDv90_7RXPl5jdtY"],
    [{ email: "ada@example.com" }, "u9IoHyVAkeN_Y1nVvn8UNtrRbeAGkyaztsLRrvChhCw"],
    [{ ip_address: "203.0.113.7", ip_country: "BE", cardholder: "Ada" }, "bqAuNyxQdUbra5l2ClV0jEaH_BYqiCYCbdvEnkwgKpI"],
    [{ mcc: "5732", is_test: false }, "KSGzW6LzDFBExman7tZ5BlZfx8JSIyaelp95F3sLIu8"],
    [
      { account_id: "user-1", billing_postal_code: "sw1a 1aa", phone: "+32 470 12 34 56" },
      "bhjbEWN1CJow6MRPdsotid_tmZMAp53M0SaZ5PXahac",
    ],
    [{ attributes: {} }, "sIVO_6LlGvt9WigWbTILIPWGo0Eqjx9A8eoetc5_3RE"],
    [{ attributes: { tier: "gold", gift: true, items: 3 } }, "B2jo7j6QQkrB3DGR3OV2onDoKGBEsOuqwVnYYgjRx7Q"],
  ])("a payment with %j keeps the fingerprint that it had before newer fields were added", (fields, expected) => {
    const body = paymentBody({ transaction_id: "order", occurred_at: "2026-01-01T00:00:00Z", ...fields });
    const rules = { cardTokenKey: Buffer.alloc(32, 7), eventAgeDaysMax: 36_500 };
    const { fingerprint } = preparePayment(body, "acme", Date.parse("2026-01-01T00:00:01Z"), rules);
    expect(fingerprint).toBe(expected);
  });

  test("with the same Idempotency-Key, the same body gets the first response; another one is a conflict and reserves no ID", async () => {
    const key = { "idempotency-key": "8e03978e-40d5-43e8-bc93-6894a57f9324" };
    const body = paymentBody();
    await client.post(PATH, body, { ...WAIT, ...key });
    expect((await client.post(PATH, body, key)).headers.get("idempotent-replayed")).toBe("true");
    const other = paymentBody();
    const conflict = await expectNothingProducedBy(() => client.post(PATH, other, key));
    expect(conflict.body).toMatchObject({ status: 409, code: "idempotency-conflict" });
    expect(await bed.redis.get(requestKey("acme", idOf(other)))).toBeNull();
    const changed = { ...other, amount: { minor: 5, currency: "EUR" } };
    expect((await client.post(PATH, changed, WAIT)).status).toBe(200);
  });

  test("a request whose transaction_id conflicts does not reserve its Idempotency-Key", async () => {
    const body = paymentBody();
    await client.post(PATH, body);
    const key = { "idempotency-key": "stays-free" };
    const changed = { ...body, terminal_id: "t-43" };
    expect((await client.post(PATH, changed, key)).status).toBe(409);
    expect((await client.post(PATH, paymentBody(), key)).status).toBe(202);
  });

  test("resends a reserved request that never reached Kafka", async () => {
    decider.isSilent = true;
    const body = paymentBody();
    await client.post(PATH, body);
    const key = requestKey("acme", idOf(body));
    const accepted = await bed.redis.get(key);
    expect(accepted).toMatch(/^a:/);
    expect(await bed.redis.ttl(key)).toBeGreaterThan(23 * 3_600);
    // Simulates a crash between reserving and producing.
    await bed.redis.set(key, `r${accepted?.slice(1)}`);
    expect((await client.get(`/v1/decisions/${idOf(body)}`)).status).toBe(404);
    const before = await produced();
    const answer = await client.post(PATH, body);
    expect(answer.status).toBe(202);
    expect(answer.headers.get("idempotent-replayed")).toBeNull();
    expect(await produced()).toBe(before + 1);
    expect(await bed.redis.get(key)).toBe(accepted);
  });

  test("recognises requests that another instance accepted", async () => {
    const other = await startIngestion(bed.config);
    try {
      const elsewhere = await bed.clientOf({}, other.url);
      const body = paymentBody();
      const first = await client.post(PATH, body, WAIT);
      const again = await expectNothingProducedBy(() => elsewhere.post(PATH, body));
      expect(again.body).toEqual(first.body);
    } finally {
      await other.close();
    }
  });

  test("tenants do not share IDs, tokens or decisions", async () => {
    const stranger = await bed.clientOf({ tenant: "umbrella" });
    const body = paymentBody();
    const mine = await client.post(PATH, body, WAIT);
    const theirs = await stranger.post(PATH, body, WAIT);
    expect([mine.status, theirs.status]).toEqual([200, 200]);
    const [myDecision, theirDecision] = [decisionSchema.parse(mine.body), decisionSchema.parse(theirs.body)];
    expect(theirDecision.id).not.toBe(myDecision.id);
    expect(theirDecision.card_token).not.toBe(myDecision.card_token);
    expect((await client.get(`/v1/decisions/${myDecision.id}`)).status).toBe(200);

    // The response is the same for another tenant's ID, an unknown ID, and text that is not an ID.
    const answers = await Promise.all(
      [myDecision.id, `txn_${"0".repeat(32)}`, "nonsense"].map((id) => stranger.get(`/v1/decisions/${id}`)),
    );
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(answer.body).toMatchObject({ code: "decision-not-found" });
    }
    const bodies = answers.map(({ text }) => text.replace(/,"trace_id":"[0-9a-f]+"/, ""));
    expect(new Set(bodies).size).toBe(1);
    decider.isSilent = true;
    const undecided = paymentBody();
    await client.post(PATH, undecided);
    expect((await client.get(`/v1/decisions/${idOf(undecided)}`)).status).toBe(202);
    expect((await stranger.get(`/v1/decisions/${idOf(undecided)}`)).status).toBe(404);
  });
});
