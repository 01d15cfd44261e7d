import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { auditEvent } from "@tripline/contracts/audit/audit-entry";
import { AuditVerifier } from "@tripline/contracts/audit/audit-verifier";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { AuditEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AUDIT_TOPIC, deadLetterTopic } from "@tripline/contracts/topics";
import type { EventProducer } from "@tripline/kafka/port";
import { BatchCollector } from "@tripline/kafka/testing/batch-collector";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { AuditLog } from "./audit-log.js";
import { AuditSigner } from "./audit-signer.js";

const AUDITOR = { scope: "audit:read" };

let bed: TestBed;
let producer: EventProducer;
let database: Database;
let anchors: string;

beforeAll(async () => {
  anchors = mkdtempSync(join(tmpdir(), "tripline-anchors-"));
  bed = await startTestBed({
    AUDIT_SIGNING_KEY: randomBytes(32).toString("base64"),
    AUDIT_CHECKPOINT_SECONDS: "86400",
    AUDIT_ANCHOR_URL: pathToFileURL(anchors).href,
  });
  producer = await bed.kafka.producer();
  database = connectDatabase({
    url: bed.stack.postgresUrl,
    connectionsMax: 2,
    queryTimeoutMs: 5_000,
    onIdleError() {},
  });
});

afterAll(async () => {
  await database.close();
  await producer.close();
  await bed.close();
  rmSync(anchors, { recursive: true });
});

const events = (tenant: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    eventId: randomUUID(),
    tenant,
    actor: "ann",
    actorKind: "person",
    action: "case-seen",
    source: "console",
    subjectKind: "case",
    subjectId: `case-${index}`,
    details: "{}",
    atMs: Date.now(),
  }));

const recordOf = (event: AuditEvent) => ({
  topic: AUDIT_TOPIC.name,
  key: event.tenant,
  headers: {},
  value: encodeMessage(AuditEvent, event),
});

const log = z.object({
  head: z.object({ sequence: z.number(), hash: z.string() }),
  entries: z.array(
    z.object({
      sequence: z.number(),
      eventId: z.string(),
      tenant: z.string(),
      actor: z.string(),
      actorKind: z.string(),
      action: z.string(),
      subjectKind: z.string(),
      subjectId: z.string(),
      details: z.string(),
      atMs: z.number(),
      source: z.string(),
      hash: z.string(),
    }),
  ),
});
const proofs = z.object({
  checkpoints: z.array(
    z.object({
      tenant: z.string(),
      sequence: z.number(),
      hash: z.string(),
      signedAtMs: z.number(),
      keyId: z.string(),
      signature: z.string(),
    }),
  ),
  keys: z.array(z.object({ keyId: z.string(), publicKey: z.string() })),
});

/** Waits until a tenant's log has this many entries. */
async function logOf(tenant: string, count: number) {
  const deadlineMs = performance.now() + 120_000;
  for (;;) {
    const found = await bed.as("auditor", { tenant, ...AUDITOR }).get("/v1/audit/log");
    const read = z.object({ head: z.object({ sequence: z.number() }) }).parse(found.body);
    if (read.head.sequence >= count) return log.parse(found.body);
    if (performance.now() > deadlineMs) throw new Error(`the log has ${read.head.sequence} of ${count} entries`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function proofsOf(tenant: string) {
  return proofs.parse((await bed.as("auditor", { tenant, ...AUDITOR }).get("/v1/audit/checkpoints")).body);
}

async function verify(tenant: string, count: number) {
  const { entries, head } = await logOf(tenant, count);
  const verifier = new AuditVerifier({ tenant, ...(await proofsOf(tenant)) });
  for (const entry of entries) verifier.add(entry);
  return verifier.end(head);
}

test("adds control's actions to their tenant's log with actor and subject, visible only with audit:read", async () => {
  const ann = bed.as("ann", { tenant: "shop", scope: "lists:write lists:read" });
  const entry = { kind: "terminal", value: "t-1", reason: "stolen" };
  await ann.send("POST", "/v1/lists/deny/entries", { entries: [entry] });
  await logOf("shop", 1);
  await expect(bed.as("auditor", { tenant: "shop", ...AUDITOR }).get("/v1/audit?subject=deny")).resolves.toMatchObject({
    body: {
      entries: [
        {
          sequence: 1,
          actor: "ann",
          actor_kind: "person",
          action: "list-entries-put",
          source: "control",
          subject_kind: "list",
          subject_id: "deny",
          details: { list: "deny", reason: "stolen" },
        },
      ],
    },
  });
  await expect(ann.get("/v1/audit")).resolves.toMatchObject({ status: 403, body: { code: "scope-missing" } });
  await expect(bed.as("spy", AUDITOR).get("/v1/audit/log?tenant=shop")).resolves.toMatchObject({ status: 403 });
});

test("logs events once and without gaps, even if they are delivered repeatedly and to two instances", async () => {
  const another = await bed.startAnother();
  try {
    const [first, second] = [events("twice", 300), events("thrice", 300)];
    const records = first.flatMap((event, index) => [event, second[index] as AuditEvent]).map(recordOf);
    await Promise.all([producer.send(records), producer.send(records.toReversed())]);
    await producer.send(records);
    await expect(verify("twice", 300)).resolves.toMatchObject({ entries: 300 });
    await expect(verify("thrice", 300)).resolves.toMatchObject({ entries: 300 });
    const logs = [bed.service, another].map((service) => service.get(AuditLog));
    const third = events("at-once", 200).map((event) => auditEvent.parse(event));
    await Promise.all(Array.from({ length: 20 }, (_, at) => logs[at % 2]?.append(third.slice(at * 9, at * 9 + 29))));
    await expect(verify("at-once", 200)).resolves.toMatchObject({ entries: 200 });
    // A final event, after which no duplicate can arrive.
    await producer.send(events("twice", 1).map(recordOf));
    const { entries } = await logOf("twice", 301);
    expect(new Set(entries.map(({ eventId }) => eventId)).size).toBe(301);
  } finally {
    await another.close();
  }
});

test("dead-letters an unreadable record, and logs the others", async () => {
  const letters = new BatchCollector();
  const reader = await bed.kafka.consume({
    group: "letters",
    topics: [deadLetterTopic(AUDIT_TOPIC.name)],
    handle: letters.handle,
    onStop() {},
  });
  const [good, ...bad] = events("beside", 4) as [AuditEvent, AuditEvent, AuditEvent, AuditEvent];
  await producer.send([
    recordOf({ ...bad[0], details: "no JSON" } as AuditEvent),
    recordOf({ ...bad[1], actor: "a\0b" } as AuditEvent),
    recordOf({ ...bad[2], details: JSON.stringify({ text: "x".repeat(20_000) }) } as AuditEvent),
    recordOf(good),
  ]);
  await letters.untilRecords(3);
  await reader.close();
  await expect(verify("beside", 1)).resolves.toMatchObject({ entries: 1 });
});

test("signs the log, and the signature reveals what the database lost or changed", async () => {
  await producer.send(events("signed", 5).map(recordOf));
  await logOf("signed", 5);
  const signer = bed.service.get(AuditSigner);
  await signer.sign();
  await expect(verify("signed", 5)).resolves.toMatchObject({ entries: 5, signed: { sequence: 5 } });
  const [file, key] = readdirSync(anchors).toSorted();
  // The key was anchored before it signed anything.
  expect(key).toMatch(/^audit-anchor-key-[0-9a-f]+\.json$/);
  expect(file).toMatch(/^audit-anchor-\d{4}-\d\d-\d\dT\d\d\.json$/);
  expect(JSON.parse(readFileSync(join(anchors, file ?? ""), "utf8"))).toMatchObject({
    checkpoints: expect.arrayContaining([expect.objectContaining({ tenant: "signed", sequence: 5 })]),
    keys: [expect.anything()],
  });
  for (const statement of [
    "UPDATE control.audit_log SET actor = 'eve' WHERE tenant = 'signed'",
    "DELETE FROM control.audit_log WHERE tenant = 'signed'",
    "TRUNCATE control.audit_log",
    "DELETE FROM control.audit_checkpoints",
    "UPDATE control.audit_keys SET public_key = ''",
  ]) {
    await expect(database.execute(statement, [])).rejects.toThrow("never changed or removed");
  }
  await forge("UPDATE control.audit_log SET actor = 'eve' WHERE tenant = 'signed' AND sequence = 3");
  await expect(verify("signed", 5)).rejects.toMatchObject({ sequence: 3 });
  await producer.send(events("signed", 1).map(recordOf));
  await logOf("signed", 6);
  await forge("UPDATE control.audit_log SET actor = 'eve' WHERE tenant = 'signed' AND sequence = 6");
  await expect(signer.sign()).rejects.toThrow("Entry 6 was changed");
  // Restores the state for later tests.
  await forge("UPDATE control.audit_log SET actor = 'ann' WHERE tenant = 'signed'");
  await signer.sign();
});

/** Changes the log as the owner of its tables could. */
function forge(statement: string): Promise<void> {
  return database.transaction(async (transaction) => {
    await transaction.execute("ALTER TABLE control.audit_log DISABLE TRIGGER ALL");
    await transaction.execute(statement);
    await transaction.execute("ALTER TABLE control.audit_log ENABLE TRIGGER ALL");
  });
}

test("regression #24: the readiness report says if anchors cannot be written", async () => {
  const apart = await bed.startAnother({ AUDIT_ANCHOR_URL: `${import.meta.url}/anchors` });
  try {
    await apart.get(AuditSigner).sign();
    const report: unknown = await (await fetch(`${apart.url}/health/ready`)).json();
    const audit_anchors = expect.stringMatching(/^anchors of the audit log have not been written for \d+ s$/);
    expect(report).toMatchObject({ checks: { audit_signatures: "ok", audit_anchors } });
  } finally {
    await apart.close();
  }
});

test("an event of an instance that cannot reach Kafka waits until any instance is connected", async () => {
  const apart = await bed.startAnother({ KAFKA_BROKERS: "127.0.0.1:1" });
  try {
    const answer = await bed
      .as("ann", { tenant: "waits", url: apart.url })
      .send("PUT", "/v1/policy/drafts/night", { text: "rules: []", version: 0 });
    expect(answer.status).toBe(200);
  } finally {
    await apart.close();
  }
  // The instance with Kafka publishes the events of the other one.
  await expect(verify("waits", 1)).resolves.toMatchObject({ entries: 1 });
});
