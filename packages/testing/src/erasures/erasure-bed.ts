import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eraseProjection } from "@tripline/console/erasures/erase-projection";
import { exportCard } from "@tripline/console/erasures/export-card";
import { CONSOLE_MIGRATIONS } from "@tripline/console/migrations";
import { ProjectionStore } from "@tripline/console/projection/projection-store";
import { readRecords } from "@tripline/console/projection/read-records";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { UNSENT, UNSENT_PERSONAL } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { transactionId } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import { SubjectKeys } from "@tripline/control/personal/subject-keys";
import type { TestBed } from "@tripline/control/testing/test-bed";
import { startTestBed } from "@tripline/control/testing/test-bed";
import { delivered, paymentRecord } from "@tripline/features/testing/events";
import { specInstance } from "@tripline/features/testing/spec-instance";
import type { EventProducer } from "@tripline/kafka/port";
import { TestArchive } from "@tripline/lake/testing/archive";
import { REDIS_PATIENCE_MS } from "@tripline/local-stack/testing/stack";
import { openMasterKey } from "@tripline/sealing/master-key";
import { PersonalSealer } from "@tripline/sealing/personal-sealer";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { awaitRedis, connectRedis } from "@tripline/stores/redis/connect-redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { DrawnPayment } from "./arbitrary-history.js";
import type { Open, Person } from "./searched-stores.js";
import { tokensOf } from "./searched-stores.js";

export const TENANT = "acme";
const opened = z.object({ payments: z.array(z.object({ fields: z.unknown() })) });
const exported = z.object({ keys: z.array(z.unknown()) });
const opening = { outcomes: new Set([Outcome.REVIEW]), dueAfterMs: () => 60_000 };
const hex = (bytes = 16) => randomBytes(bytes).toString("hex");

/** A person about whom no data is stored yet. */
export function newPerson(): Person {
  const name = hex(4);
  const clear = [`holder-${name}`, `mail-${name}@example.com`, `device-${name}`, `user-${name}`];
  const [cardToken, emailToken, accountToken] = [`ct_${hex()}`, `et_${hex()}`, `at_${hex()}`];
  return { tenant: TENANT, cardToken, emailToken, accountToken, clear };
}

export type FeaturesInstance = ReturnType<typeof specInstance>;

/**
 * All services that store personal data, on the servers of the test run. Runs the whole control plane; for the other
 * services, runs only their code that writes and erases data.
 */
export class ErasureBed {
  #names = 0;
  #counting: Redis | undefined;
  /** The number of records in the lake, which has a single partition. */
  #archived = 0;

  private constructor(
    readonly control: TestBed,
    readonly redis: Redis,
    readonly database: Database,
    readonly lake: string,
    private readonly producer: EventProducer,
    private readonly sealer: PersonalSealer,
    private readonly archive: TestArchive,
  ) {}

  static async start(): Promise<ErasureBed> {
    const masterKey = randomBytes(32).toString("base64");
    const control = await startTestBed({ PERSONAL_MASTER_KEY: masterKey });
    const { stack } = control;
    const redis = connectRedis(stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(redis);
    const limits = { connectionsMax: 3, queryTimeoutMs: 30_000, onIdleError: () => {} };
    const database = connectDatabase({ url: stack.postgresUrl, ...limits });
    await database.transaction((transaction) => migrateDatabase(transaction, CONSOLE_MIGRATIONS));
    const lake = await mkdtemp(join(tmpdir(), "tripline-erasures-"));
    const sealer = new PersonalSealer({ masterKey: openMasterKey(masterKey), logger: { error() {} } });
    await sealer.start();
    const archive = new TestArchive(lake, { cluster: "test", topicPrefix: stack.topicPrefix });
    const producer = await control.kafka.producer({ lingerMs: 0 });
    return new ErasureBed(control, redis, database, lake, producer, sealer, archive);
  }

  async close(): Promise<void> {
    this.sealer.close();
    await this.producer.close();
    for (const redis of [this.redis, this.#counting]) redis?.disconnect();
    await this.database.close();
    await this.control.close();
    await rm(this.lake, { recursive: true, force: true });
  }

  readonly open: Open = async (id, sealed) => {
    const body = { payments: [{ transaction_id: id, personal: Buffer.from(sealed).toString("base64") }] };
    const answer = await this.control.as("ana", { scope: "personal:read" }).send("POST", "/v1/personal/open", body);
    return opened.parse(answer.body).payments[0]?.fields ?? undefined;
  };

  /** The feature service instance for a spec, which is reused until another spec is requested. */
  async features(spec: FeatureSpec): Promise<FeaturesInstance> {
    this.#counting?.disconnect();
    this.#counting = connectRedis(this.control.stack.redisUrl, undefined, REDIS_PATIENCE_MS);
    await awaitRedis(this.#counting);
    return specInstance(spec, this.#counting, this.redis);
  }

  /**
   * Payments take the same path as in a real system: they are sealed, counted, published, archived in the lake, and
   * sent to the console.
   */
  async pay(features: FeaturesInstance, people: readonly Person[], drawn: readonly DrawnPayment[]) {
    const payments = await Promise.all(drawn.map((payment) => this.#payment(people, payment)));
    const records = payments.map((payment) => paymentRecord(payment));
    const emitted = await features.count(records);
    await this.producer.send([...records, ...emitted]);
    const rows = emitted.map(({ value }) => ({
      partition: 0,
      offset: this.#archived++,
      value: value ?? Buffer.alloc(0),
    }));
    await this.archive.append(TOPICS.features.name, rows);
    const read = emitted.map((record, offset) => delivered(record, offset));
    const batches = [{ topic: TOPICS.features.name, partition: 0, records: read }];
    await new ProjectionStore(this.database, opening).add(readRecords(batches), new Set([0]));
  }

  /** The control plane's API destroys the keys and notifies the services. */
  async erase(features: FeaturesInstance, person: Person): Promise<void> {
    const erasures = tokensOf(person).map((subject) => ({ tenant: person.tenant, subject, erasedAtMs: Date.now() }));
    for (const { subject } of erasures) {
      const caller = this.control.as("ana", { scope: "personal:erase" });
      const answer = await caller.send("POST", "/v1/erasures", { subject });
      if (answer.status !== 200) throw new Error(`control answered ${answer.status}`);
    }
    await features.erase(erasures);
    for (const erasure of erasures) await eraseProjection(this.database, erasure);
  }

  /** The data that an export contains about a person: window states, console rows and keys. */
  async export(features: FeaturesInstance, person: Person): Promise<readonly string[]> {
    const shown: string[] = [];
    const { tenant } = person;
    for (const subject of tokensOf(person)) {
      for await (const state of features.export(tenant, subject))
        shown.push(state.kind === "window state" ? state.key : "");
      for await (const { table } of exportCard(this.database, tenant, subject)) shown.push(`console.${table}`);
      const caller = this.control.as("ana", { tenant, scope: "personal:read" });
      const { body } = await caller.send("POST", "/v1/personal/export", { subject });
      if (exported.parse(body).keys.length > 0) shown.push("control.subject_keys");
    }
    return [...new Set(shown)].sort();
  }

  async #payment(people: readonly Person[], drawn: DrawnPayment): Promise<Transaction> {
    const person = people[drawn.person];
    if (person === undefined) throw new Error("nobody pays");
    this.#names += 1;
    const clientTransactionId = `c-${this.#names}`;
    const id = transactionId(TENANT, clientTransactionId);
    const emailToken = drawn.hasEmail ? person.emailToken : "";
    const accountToken = drawn.hasAccount ? person.accountToken : "";
    const [cardholder = "", email = "", deviceId = "", accountId = ""] = person.clear;
    const subject = { tenant: TENANT, cardToken: person.cardToken, emailToken };
    const attributes = JSON.stringify({ nickname: cardholder });
    const fields = { ...UNSENT_PERSONAL, cardholder, email, deviceId, accountId, attributes, ipAddress: "203.0.113.7" };
    const sealed = this.sealer.seal(fields, { ...subject, otherTokens: accountToken === "" ? [] : [accountToken] }, id);
    if (typeof sealed === "string") throw new Error(`nothing was sealed: ${sealed}`);
    if (sealed.newKey !== undefined) {
      await new SubjectKeys(this.database).add([sealed.newKey.key]);
      sealed.newKey.stored();
    }
    const token = (prefix: string, number: number | undefined) =>
      number === undefined ? "" : `${prefix}_${String(number).padStart(32, "0")}`;
    return {
      ...UNSENT,
      ...subject,
      transactionId: id,
      clientTransactionId,
      terminalId: `t-${drawn.terminal}`,
      amountMinor: 1_250,
      currency: "EUR",
      occurredAtMs: Date.now(),
      acceptedAtMs: Date.now(),
      latitude: undefined,
      longitude: undefined,
      deviceToken: token("dt", drawn.device),
      ipToken: token("it", drawn.ip),
      bin: drawn.hasBin ? "41111111" : "",
      merchantCountry: drawn.country,
      accountToken,
      billingCountry: drawn.country,
      personal: sealed.bytes,
    };
  }
}
