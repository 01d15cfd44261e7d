import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { chargebackJourney } from "@tripline/cli/journeys/chargeback";
import type { JourneyOptions } from "@tripline/cli/journeys/first-payment";
import { firstPaymentJourney } from "@tripline/cli/journeys/first-payment";
import { TriplineClient } from "@tripline/client";
import { TOPICS } from "@tripline/contracts/topics";
import { paymentBody } from "@tripline/system/client/tripline-client";
import { awaitLedger } from "@tripline/system/ledger/ledger";
import { DEMO_CLIENT_ID } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import { exportJWK, generateKeyPair } from "jose";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { paymentId } from "../support/payment-id.js";
import { readDeadLetters, readFeatures } from "../support/read-topics.js";
import { testModel } from "../support/test-model.js";

describe("a payment's journey", () => {
  let system: InProcessSystem;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    system = await startInProcess({ registryUrl, hasControl: true, hasConsole: true });
  });
  afterAll(() => system?.close());

  test("`tripline journey chargeback` succeeds", async () => {
    const printed: string[] = [];
    const cardTokenKey = Buffer.from(system.secrets.cardTokenKey, "base64");
    const { client, reports } = system;
    await chargebackJourney({ client, reports, cardTokenKey, print: (text) => void printed.push(text) });
    expect(printed).toHaveLength(4);
    expect(printed[3]).toContain("1 of 4 settled payments of merchant m-");
  }, 200_000);

  async function post(body: object, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${system.apiUrl}/v1/transactions`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { authorization: await system.authorization(), "content-type": "application/json", ...headers },
    });
  }

  test("Prefer: wait returns the model's decision with its versions", async () => {
    const { decision } = await system.client.send(buildPayment(), 10);
    expect(decision).toMatchObject({ status: "decided", fallback_level: "model", degraded_because: null });
    expect(decision?.score).toBeGreaterThanOrEqual(0);
    expect(decision?.score).toBeLessThanOrEqual(1);
    expect(decision?.reasons.length).toBeGreaterThan(0);
  });

  test("`tripline journey first-payment` succeeds, and fails if a retry is decided differently", async () => {
    const printed: string[] = [];
    const print = (text: string): void => void printed.push(text);
    await firstPaymentJourney({ client: system.client, print });
    expect(printed).toHaveLength(5);

    const { client } = system;
    const forgetful: JourneyOptions["client"] = {
      send: (payment, waitSeconds) => client.send({ ...payment, clientTransactionId: randomUUID() }, waitSeconds),
      decision: (id) => client.decision(id),
      applyLabels: (payments, waitSeconds) => client.applyLabels(payments, waitSeconds),
    };
    await expect(firstPaymentJourney({ client: forgetful, print })).rejects.toThrow(
      "The retry of the same request got",
    );
  });

  test("the example in the client's README gets a decision", async () => {
    const readme = await readFile(join(ROOT, "packages", "client", "README.md"), "utf8");
    const example = /```js\n([\s\S]+?)```/.exec(readme)?.[1] ?? "";
    // Runs in the package's folder, where the package's name resolves to the package itself.
    const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", example], {
      cwd: join(ROOT, "packages", "client"),
      env: {
        ...process.env,
        TRIPLINE_URL: system.apiUrl,
        CLIENT_ID: DEMO_CLIENT_ID,
        CLIENT_SECRET: system.secrets.clientSecret,
      },
    });
    expect((await run).stdout).toMatch(/^(approve|challenge|review|decline) \[/);
  });

  test("a client registered with a public key authenticates with its private key", async () => {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const [ours, theirs] = [await exportJWK(privateKey), await exportJWK(publicKey)];
    const clientId = randomUUID();
    const scopes = ["transactions:write", "decisions:read"];
    const body = { client_id: clientId, scopes, jwks: { keys: [{ ...theirs, kid: "1" }] } };
    await system.auth.call("POST", "/v1/clients", { body });
    const credentials = { clientId, privateKey: { ...ours, alg: "ES256", kid: "1" } };
    const client = new TriplineClient({ url: system.apiUrl, credentials });
    const payment = paymentBody(buildPayment());
    await expect(client.decide(payment)).resolves.toMatchObject({ transaction_id: payment.transaction_id });
  });

  test("the Location header leads to the decision if the request does not prefer to wait", async () => {
    const response = await post(paymentBody(buildPayment()));
    expect(response.status).toBe(202);
    const location = response.headers.get("location") ?? "";
    const id = location.replace("/v1/decisions/", "");
    await expect(until(() => system.client.decision(id))).resolves.toMatchObject({ id, status: "decided" });
  });

  test("a retry gets the earlier decision, and a different body gets 409", async () => {
    const key = { "idempotency-key": randomUUID(), prefer: "wait=10" };
    const body = paymentBody(buildPayment());
    const first = await (await post(body, key)).json();
    const again = await post(body, key);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.json()).toEqual(first);
    const other = await post({ ...body, terminal_id: "t-other" }, key);
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: "idempotency-conflict" });
  });

  test("a burst of the same payment is counted once and decided once", async () => {
    const payment = buildPayment();
    const results = await Promise.all(Array.from({ length: 20 }, () => system.client.send(payment, 10)));
    const decisions = new Set(results.map((result) => JSON.stringify(result.decision)));
    expect(results.map((result) => result.status)).toEqual(Array(20).fill(200));
    expect(decisions.size).toBe(1);
    const next = buildPayment({ cardNumber: payment.cardNumber, occurredAtMs: payment.occurredAtMs + 1_000 });
    await system.client.send(next, 10);
    const features = await readFeatures(system.kafka, next.clientTransactionId);
    expect(features.get("card_count_1d")).toBe(2);
  });

  test("a label changes the terminal's risk only once it is applied", async () => {
    const terminalId = `t-${randomUUID().slice(0, 8)}`;
    const at = Date.now() - 3_600_000;
    const fraud = buildPayment({ terminalId, fraud: true, occurredAtMs: at, labelledAtMs: at + 60_000 });
    await system.client.send(fraud, 10);
    const before = buildPayment({ terminalId, occurredAtMs: at + 30_000 });
    await system.client.send(before, 10);
    await system.client.applyLabels([fraud], 10);
    const after = buildPayment({ terminalId, occurredAtMs: at + 90_000 });
    await system.client.send(after, 10);
    const rate = async (id: string) => (await readFeatures(system.kafka, id)).get("terminal_fraud_count_7d");
    expect(await rate(before.clientTransactionId)).toBe(0);
    expect(await rate(after.clientTransactionId)).toBe(1);
  });

  test("a batch gets a response per line, and each accepted payment is on the topic once", async () => {
    const payments = Array.from({ length: 50 }, () => buildPayment());
    const decisions = await system.client.decideAll(payments, 20);
    expect(decisions.map((decision) => decision.transaction_id)).toEqual(
      payments.map((payment) => payment.clientTransactionId),
    );
    const ledger = await awaitLedger(system.kafka, new Set(payments.map(paymentId)));
    expect(ledger).toMatchObject({ accepted: 50, decided: 50, lost: [], contradicted: [] });
  });

  test("an unreadable record becomes a dead letter with its error, and the partition continues", async () => {
    const producer = await system.kafka.producer();
    const payment = buildPayment();
    await producer.send([
      { topic: TOPICS.transactions.name, key: "ct_poison", value: Buffer.from("not a payment"), headers: {} },
    ]);
    await producer.close();
    expect((await system.client.send(payment, 10)).status).toBe(200);
    const letters = await until(async () => {
      const found = await readDeadLetters(system.kafka, "transactions");
      return found.length > 0 ? found : undefined;
    });
    expect(letters[0]).toMatchObject({ value: "not a payment", code: "message-unreadable" });
  });
});

const TRIES_MAX = 2_000;
const TRY_EVERY_MS = 50;

async function until<T>(read: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    const value = await read();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
  throw new Error("it did not come in time");
}
