import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { withLuhnDigit } from "@tripline/contracts/identifiers";
import { TestDecider } from "./testing/decider.js";
import type { TestBed } from "./testing/service.js";
import {
  labelBody,
  paymentBody,
  rowsOf,
  startTestBed,
  TestClient,
  testEnvironment,
  updateBody,
} from "./testing/service.js";

/** These values are so rare that any match shows that one of them was stored. */
const GOOD = withLuhnDigit("551234987650918");
const BAD = `${GOOD.slice(0, -1)}${(Number(GOOD.at(-1)) + 1) % 10}`;
const DEVICE = "f00dfeed-2b1d-4c3a-9e77-51de0c0ffee5";
const EMAIL = "canary.5150@mail.tripline.test";
/** Two notations of one address; the needle matches both. */
const [LONG_ADDRESS, ADDRESS] = ["2001:0DB8:0000:0000:5CA1:AB1E:0:77", "2001:db8::5ca1:ab1e:0:77"];
/** The same number in other notations. */
const GROUPED = (GOOD.match(/.{4}/g) ?? []).join("-");
const NEEDLES = [GOOD.slice(0, -1), GROUPED.slice(0, -1), DEVICE, "5ca1:ab1e", "canary.5150", "mail.tripline.test"];

const foundIn = (text: string): string[] => NEEDLES.filter((needle) => text.toLowerCase().includes(needle));

/** The field or header named in an error, or whatever else identifies the response. */
function faultOf(body: unknown): unknown {
  const { errors, detail, code, status } = Object(body);
  if (code === "invalid-header") return String(detail).split(" ")[0];
  return errors?.[0]?.pointer ?? code ?? status;
}

describe("ingestion does not pass on card numbers, device IDs, network addresses or e-mail addresses", () => {
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

  test("regression #12: they are in no record, Redis key or value, response or log line of the running program", async () => {
    const environment = testEnvironment(bed.stack, bed.issuer, { LOG_LEVEL: "trace", EXIT_WITH_PARENT: "1" });
    const program = spawn(process.execPath, [fileURLToPath(new URL("./main.js", import.meta.url))], {
      env: environment,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output: string[] = [];
    program.stderr.on("data", (chunk: Buffer) => output.push(chunk.toString()));
    const lines = createInterface({ input: program.stdout });
    const url = await new Promise<string>((resolve, reject) => {
      lines.on("line", (line) => {
        output.push(line);
        const { url: address } = JSON.parse(line);
        if (typeof address === "string") resolve(address);
      });
      program.once("exit", (code) => reject(new Error(`ended with ${code}: ${output.join("\n")}`)));
    });
    const client = new TestClient(url, await bed.issuer.authorization());
    const answers = await sendEverywhere(client);
    const planted = await plantInIds(client);
    const batch = await client.postLines(
      "/v1/transactions/batch",
      [paymentBody({ transaction_id: GOOD }), paymentBody({ terminal_id: GROUPED })].map((line) =>
        JSON.stringify(line),
      ),
    );
    program.stdin.end();
    const [code] = await once(program, "exit");
    expect(code).toBe(0);

    expect(answers.map(({ status }) => status)).toEqual([
      200, 200, 422, 400, 422, 422, 422, 422, 409, 200, 200, 400, 200, 202,
    ]);
    expect(planted.map(({ status, body }) => [status, faultOf(body)])).toEqual([
      [422, "/transaction_id"],
      [422, "/terminal_id"],
      [422, "/transaction_id"],
      [422, "/terminal_id"],
      [422, "/source"],
      [422, "/update_id"],
      [422, "/issuer_code"],
      [400, "Idempotency-Key"],
      [400, "Idempotency-Key"],
      [422, "/id"],
      [200, "decided"],
    ]);
    expect(rowsOf(batch).map(({ status, problem }) => [status, faultOf(problem)])).toEqual([
      [422, "/transaction_id"],
      [422, "/terminal_id"],
    ]);
    expect(foundIn([...answers, ...planted, batch].map(({ text }) => text).join("\n"))).toEqual([]);
    expect(output.length).toBeGreaterThan(3);
    expect(foundIn(output.join("\n"))).toEqual([]);
    for (let tries = 0; decider.updates.length === 0 && tries < 100; tries += 1) await setTimeout(50);
    expect(decider.updates.length).toBeGreaterThan(0);
    const records = [...decider.payments, ...decider.labels, ...decider.updates];
    expect(records.length).toBeGreaterThanOrEqual(5);
    for (const { key, value, headers } of records) {
      expect(foundIn([key, value.toString("latin1"), JSON.stringify(headers)].join("\n"))).toEqual([]);
    }
    const payments = decider.payments.map(({ value }) => Transaction.decode(value));
    expect(
      payments.filter(({ deviceToken, ipToken, emailToken }) => deviceToken && ipToken && emailToken).length,
    ).toBeGreaterThanOrEqual(2);
    // Only the first 8 digits of the number are stored.
    expect(payments.map(({ bin }) => bin)).toContain(GOOD.slice(0, 8));
    const keys = await bed.redis.keys("*");
    expect(keys.length).toBeGreaterThanOrEqual(4);
    for (const key of keys) {
      expect(foundIn(`${key} ${(await bed.redis.getBuffer(key))?.toString("latin1")}`)).toEqual([]);
    }
  });

  /** Fields in which callers send ids, and headers that HTTP clients add themselves. */
  async function plantInIds(client: TestClient) {
    const traced = { traceparent: `00-${"0a".repeat(16)}-${"0b".repeat(8)}-01` };
    const alongside = { ...traced, tracestate: `shop=${GOOD}`, baggage: `card=${GOOD}`, prefer: "wait=10" };
    return [
      await client.post("/v1/transactions", paymentBody({ transaction_id: GOOD })),
      await client.post("/v1/transactions", paymentBody({ terminal_id: `t-${GROUPED}` })),
      await client.post("/v1/labels", labelBody({ transaction_id: `order-${GROUPED}-1` })),
      await client.post("/v1/labels", labelBody({ terminal_id: GOOD })),
      await client.post("/v1/labels", labelBody({ source: GOOD })),
      await client.post("/v1/payment-updates", updateBody({ update_id: `u-${GROUPED}` })),
      await client.post("/v1/payment-updates", updateBody({ issuer_code: GOOD })),
      await client.post("/v1/transactions", paymentBody(), {
        "idempotency-key": `pay ${GROUPED.replaceAll("-", " ")}`,
      }),
      await client.post("/v1/labels", labelBody(), { "idempotency-key": GOOD }),
      await client.get(`/v1/decisions/${GOOD}`),
      await client.post("/v1/transactions", paymentBody(), alongside),
    ];
  }

  async function sendEverywhere(client: TestClient) {
    const wait = { prefer: "wait=10" };
    const [good, bad] = [{ number: GOOD }, { number: BAD }];
    const origin = { device_id: DEVICE, ip_address: ADDRESS, email: EMAIL };
    const body = paymentBody({ card: good, ...origin });
    const lines = [
      paymentBody({ card: good, ...origin, ip_address: LONG_ADDRESS }),
      paymentBody({ card: bad, ...origin }),
    ].map((line) => JSON.stringify(line));
    const labels = [labelBody({ card: good }), labelBody({ card: bad })].map((line) => JSON.stringify(line));
    const answers = [
      await client.post("/v1/transactions", body, { ...wait, "idempotency-key": "k-1" }),
      await client.post("/v1/labels", labelBody({ card: good }), wait),
      await client.post("/v1/transactions", paymentBody({ card: bad })),
      await client.send("/v1/transactions", `{"card":{"number":"${GOOD}"`, { "content-type": "application/json" }),
      await client.post("/v1/transactions", paymentBody({ card: good, [GOOD]: GOOD })),
      await client.post("/v1/transactions", paymentBody({ ...origin, ip_address: `${ADDRESS}%1` })),
      await client.post("/v1/transactions", paymentBody({ ...origin, device_id: `${DEVICE}\0` })),
      await client.post("/v1/transactions", paymentBody({ ...origin, email: `${EMAIL}, ${EMAIL}` })),
      await client.post("/v1/transactions", { ...body, terminal_id: "t-43" }),
      await client.postLines("/v1/transactions/batch", [...lines, `{"card":"${GOOD}`], wait),
      await client.postLines("/v1/labels/batch", labels, wait),
      await client.post("/v1/transactions", body, { "idempotency-key": `${GOOD}\u00e9` }),
      await client.post("/v1/transactions", body),
      await client.post("/v1/payment-updates", updateBody({ card: good })),
    ];
    return answers;
  }
});
