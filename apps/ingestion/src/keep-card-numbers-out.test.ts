import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { withLuhnDigit } from "@tripline/contracts/identifiers";
import { TestDecider } from "./test-decider.js";
import type { TestBed } from "./test-service.js";
import { labelBody, paymentBody, startTestBed, TestClient, testEnvironment } from "./test-service.js";

/** Rare enough that they occur only where one of them was kept. */
const GOOD = withLuhnDigit("551234987650918");
const BAD = `${GOOD.slice(0, -1)}${(Number(GOOD.at(-1)) + 1) % 10}`;
const DEVICE = "f00dfeed-2b1d-4c3a-9e77-51de0c0ffee5";
/** Two spellings of one address, which the needle finds in both. */
const [LONG_ADDRESS, ADDRESS] = ["2001:0DB8:0000:0000:5CA1:AB1E:0:77", "2001:db8::5ca1:ab1e:0:77"];
const NEEDLES = [GOOD.slice(0, -1), DEVICE, "5ca1:ab1e"];

const foundIn = (text: string): string[] => NEEDLES.filter((needle) => text.toLowerCase().includes(needle));

describe("card number, device id and network address end at the front door", () => {
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

  test("they stand in no record, no Redis key or value, no answer and no log line of the running program", async () => {
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
    program.stdin.end();
    const [code] = await once(program, "exit");
    expect(code).toBe(0);

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 422, 400, 422, 422, 422, 409, 200, 200, 400, 200]);
    expect(foundIn(answers.map(({ text }) => text).join("\n"))).toEqual([]);
    expect(output.length).toBeGreaterThan(3);
    expect(foundIn(output.join("\n"))).toEqual([]);
    const records = [...decider.payments, ...decider.labels];
    expect(records.length).toBeGreaterThanOrEqual(4);
    for (const { key, value, headers } of records) {
      expect(foundIn([key, value.toString("latin1"), JSON.stringify(headers)].join("\n"))).toEqual([]);
    }
    const payments = decider.payments.map(({ value }) => Transaction.decode(value));
    expect(
      payments.filter(({ deviceToken, ipToken }) => deviceToken !== "" && ipToken !== "").length,
    ).toBeGreaterThanOrEqual(2);
    const keys = await bed.redis.keys("*");
    expect(keys.length).toBeGreaterThanOrEqual(4);
    for (const key of keys) {
      expect(foundIn(`${key} ${(await bed.redis.getBuffer(key))?.toString("latin1")}`)).toEqual([]);
    }
  });

  async function sendEverywhere(client: TestClient) {
    const wait = { prefer: "wait=10" };
    const [good, bad] = [{ number: GOOD }, { number: BAD }];
    const origin = { device_id: DEVICE, ip_address: ADDRESS };
    const body = paymentBody({ card: good, ...origin });
    const lines = [
      paymentBody({ card: good, ...origin, ip_address: LONG_ADDRESS }),
      paymentBody({ card: bad, ...origin }),
    ].map((line) => JSON.stringify(line));
    const labels = [labelBody({ card: good }), labelBody({ card: bad })].map((line) => JSON.stringify(line));
    const answers = [
      await client.post("/v1/transactions", body, { ...wait, "idempotency-key": GOOD }),
      await client.post("/v1/labels", labelBody({ card: good }), wait),
      await client.post("/v1/transactions", paymentBody({ card: bad })),
      await client.send("/v1/transactions", `{"card":{"number":"${GOOD}"`, { "content-type": "application/json" }),
      await client.post("/v1/transactions", paymentBody({ card: good, [GOOD]: GOOD })),
      await client.post("/v1/transactions", paymentBody({ ...origin, ip_address: `${ADDRESS}%1` })),
      await client.post("/v1/transactions", paymentBody({ ...origin, device_id: `${DEVICE}\0` })),
      await client.post("/v1/transactions", { ...body, terminal_id: "t-43" }),
      await client.postLines("/v1/transactions/batch", [...lines, `{"card":"${GOOD}`], wait),
      await client.postLines("/v1/labels/batch", labels, wait),
      await client.post("/v1/transactions", body, { "idempotency-key": `${GOOD}\u00e9` }),
      await client.post("/v1/transactions", body),
    ];
    return answers;
  }
});
