import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNSENT_PERSONAL } from "@tripline/contracts/generated/payment-fields";
import { SubjectKey, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { SUBJECT_KEYS_TOPIC, TOPICS } from "@tripline/contracts/topics";
import type { EventConsumer } from "@tripline/kafka/port";
import { openMasterKey } from "@tripline/sealing/master-key";
import { PersonalOpener } from "@tripline/sealing/open-personal";
import { splitSealed } from "@tripline/sealing/sealed-layout";
import type { TestKeyService, Trouble } from "@tripline/sealing/testing/key-services";
import { startVault } from "@tripline/sealing/testing/key-services";
import type { TestBed } from "../testing/service.js";
import { paymentBody, startTestBed } from "../testing/service.js";

const POLL_MS = 50;
/** Ingestion retries an unavailable key service every 10 s. */
const TEST_MS_MAX = 300_000;
const PERSON = {
  email: "canary.8181@mail.tripline.test",
  ip_address: "203.0.113.81",
  device_id: "canary-phone-8181",
  cardholder: "Canary Eighty-One",
};

let folder: string;
let vault: TestKeyService;
let bed: TestBed;
let consumer: EventConsumer;
/** The contents of Kafka: payments by client id, and every byte of both topics. */
const payments = new Map<string, Transaction>();
const keys: SubjectKey[] = [];
const stored: string[] = [];
const settings = { VAULT_NAMESPACE: "bank", VAULT_TOKEN_FILE: "" };
const masterKey = () => `vault:${vault.url}/kms/transit/personal`;

/** The key service accepts requests but never responds while the service starts. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lose-key-service-"));
  settings.VAULT_TOKEN_FILE = join(folder, "token");
  await writeFile(settings.VAULT_TOKEN_FILE, "hvs.one\n");
  const isKnown = (token: string): boolean => token === "hvs.one";
  vault = await startVault({ names: ["personal"], isKnown, signIn: () => undefined });
  vault.trouble = "silence";
  bed = await startTestBed({ PERSONAL_MASTER_KEY: masterKey(), ...settings });
  consumer = await bed.kafka.consume({
    group: "test-key-service",
    topics: [TOPICS.transactions.name, SUBJECT_KEYS_TOPIC.name],
    async handle(batches) {
      for (const { topic, key, value, headers } of batches.flatMap(({ records }) => records)) {
        stored.push([key, value.toString("latin1"), JSON.stringify(headers)].join("\n"));
        if (topic === SUBJECT_KEYS_TOPIC.name) keys.push(SubjectKey.decode(value));
        else {
          const payment = Transaction.decode(value);
          payments.set(payment.clientTransactionId, payment);
        }
      }
    },
    onStop(error) {
      throw error;
    },
  });
  await consumer.ready;
}, TEST_MS_MAX);

afterAll(async () => {
  await consumer?.close();
  await bed?.close();
  await vault?.close();
  await rm(folder, { recursive: true, force: true });
});

/** @returns the payment as stored in Kafka */
async function pay(body = paymentBody(PERSON)): Promise<Transaction> {
  const answer = await bed.client.post("/v1/transactions", body);
  expect([answer.status, answer.text.includes("canary")]).toEqual([202, false]);
  return arrived(String(body.transaction_id));
}

async function arrived(id: string): Promise<Transaction> {
  for (;;) {
    const payment = payments.get(id);
    if (payment !== undefined) return payment;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function unsealed(): Promise<number> {
  const { text } = await bed.client.get("/metrics");
  return Number(/^tripline_ingestion_unsealed_total\{reason="no-key"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

test(
  "without the key service, accepts payments with tokens only; once it is available, encrypts personal data again",
  async () => {
    const lines = [paymentBody(PERSON), paymentBody(PERSON)];
    const one = await pay();
    const batch = await bed.client.postLines(
      "/v1/transactions/batch",
      lines.map((line) => JSON.stringify(line)),
    );
    expect(batch.status).toBe(200);
    const without = [one, ...(await Promise.all(lines.map((line) => arrived(String(line.transaction_id)))))];
    for (const { personal, emailToken, ipToken, deviceToken } of without) {
      expect(personal).toBeUndefined();
      for (const token of [emailToken, ipToken, deviceToken]) expect(token).toMatch(/^[a-z]+_[0-9a-f]{32}$/);
    }
    expect([keys.length, await unsealed()]).toEqual([0, without.length]);
    expect((await bed.client.get("/health/ready")).status).toBe(200);

    vault.trouble = undefined;
    let sealed = await pay();
    while (sealed.personal === undefined) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      sealed = await pay();
    }
    while (keys.length === 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    await expectToOpen(sealed);

    // A retry does not add personal data to the payment's record: records in Kafka are not rewritten.
    const again = await bed.client.post("/v1/transactions", lines[0]);
    expect(again.status).toBe(202);

    for (const trouble of ["denied", "silence"] satisfies Trouble[]) {
      vault.trouble = trouble;
      const before = vault.asked.length;
      // No payment requires a request to the key service, so a slow one does not delay any.
      const payment = await pay(paymentBody({ ...PERSON, email: `${trouble}.8181@mail.tripline.test` }));
      expect([payment.personal === undefined, vault.asked.length]).toEqual([false, before]);
    }
    expect(stored.length).toBeGreaterThan(without.length);
    expect(stored.filter((text) => /8181@|203\.0\.113\.81|canary/i.test(text))).toEqual([]);
  },
  TEST_MS_MAX,
);

async function expectToOpen({ personal, tenant, cardToken, emailToken, transactionId }: Transaction): Promise<void> {
  const subject = { tenant, cardToken, emailToken };
  const [key] = keys;
  const part = splitSealed(personal ?? new Uint8Array());
  if (key === undefined || part === undefined) throw new Error("nothing was sealed");
  const opener = new PersonalOpener(openMasterKey(masterKey(), settings));
  const { email, ip_address: ipAddress, device_id: deviceId, cardholder } = PERSON;
  expect(await opener.open(part.sealed, key, subject, transactionId)).toEqual({
    ...UNSENT_PERSONAL,
    email,
    ipAddress,
    deviceId,
    cardholder,
  });
}
