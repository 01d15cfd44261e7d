import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { transactionId } from "@tripline/contracts/identifiers";
import { transitKey } from "@tripline/contracts/redis-keys";
import { TransitOpener } from "@tripline/sealing/transit/transit-opener";
import { TestDecider } from "../testing/decider.js";
import type { TestBed } from "../testing/service.js";
import { paymentBody, startTestBed } from "../testing/service.js";

const PATH = "/v1/transactions";
const WAIT = { prefer: "wait=10" };

describe("attributes of a payment", () => {
  let bed: TestBed;
  let decider: TestDecider;

  beforeAll(async () => {
    bed = await startTestBed();
    decider = new TestDecider(bed.kafka, bed.redis);
    await decider.start();
  });

  afterAll(async () => {
    await decider.close();
    await bed.close();
  });

  /** Sends the payment and returns its record once it has a decision. */
  const sent = async (body: Record<string, unknown>) => {
    expect((await bed.client.post(PATH, body, WAIT)).status).toBe(200);
    const id = transactionId("acme", String(body.transaction_id));
    const record = decider.payments.find(({ value }) => Transaction.decode(value).transactionId === id);
    const { hasAttributes } = Transaction.decode(record?.value ?? Buffer.of());
    return { id, hasAttributes, text: record?.value.toString("latin1"), headers: record?.headers ?? {} };
  };

  test("are sent in a header that can be decrypted with a key from Redis", async () => {
    const { id, hasAttributes, text, headers } = await sent(
      paymentBody({ attributes: { tier: "canary-gold", items: 3 } }),
    );
    const header = headers[HEADERS.attributes] ?? "";
    expect(`${text} ${Buffer.from(header, "base64url").toString("latin1")}`).not.toContain("canary");
    const opener = new TransitOpener((keyId) => bed.redis.getBuffer(transitKey(keyId)));
    await opener.prepare([header]);
    expect(opener.open(header, id)).toBe('{"items":3,"tier":"canary-gold"}');
    expect(hasAttributes).toBe(true);
    const keys = await bed.redis.keys(transitKey("*"));
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(await bed.redis.ttl(key)).toBeGreaterThan(80_000);
  });

  test.each([{}, { attributes: {} }])("are not in a header if the request has none: %j", async (change) => {
    const { hasAttributes, headers } = await sent(paymentBody(change));
    expect(hasAttributes).toBeUndefined();
    expect(headers).not.toHaveProperty(HEADERS.attributes);
  });

  test("can be sent in another order in a retry, but not with other values", async () => {
    const body = paymentBody({ attributes: { tier: "gold", items: 3 } });
    await sent(body);
    const again = await bed.client.post(PATH, { ...body, attributes: { items: 3, tier: "gold" } });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    for (const attributes of [{ items: "3", tier: "gold" }, { items: 3 }, undefined]) {
      const other = await bed.client.post(PATH, { ...body, attributes });
      expect(other.body).toMatchObject({ status: 409, code: "idempotency-conflict" });
    }
  });
});
