import { randomBytes } from "node:crypto";
import { CheckpointSigner } from "@tripline/contracts/audit/audit-checkpoint";
import type { AuditEntry } from "@tripline/contracts/audit/audit-entry";
import { hashEntry, NO_ENTRY } from "@tripline/contracts/audit/audit-entry";
import { LogFault, verifyLog } from "./verify-log.js";

const signer = new CheckpointSigner(randomBytes(32));
const ENTRIES = 7;
const PAGE_ROWS = 3;
const PAGES_MAX = 10;

/** Hashes and signs as control does: the browser must compute the same bytes. */
function write(): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let sequence = 1; sequence <= ENTRIES; sequence += 1) {
    const event = {
      eventId: `e${sequence}`,
      tenant: "demo",
      actor: "Zoë 🙂",
      actorKind: "person" as const,
      action: "case-seen",
      subjectKind: "case",
      subjectId: "17",
      details: `{"n":${sequence}}`,
      atMs: 1_795_000_000_000,
      source: "console",
    };
    entries.push({ ...event, sequence, hash: hashEntry(entries.at(-1)?.hash ?? NO_ENTRY, sequence, event) });
  }
  return entries;
}

const log = write();
const last = log[ENTRIES - 1]?.hash ?? "";
const signed = signer.sign({ tenant: "demo", sequence: 6, hash: log[5]?.hash ?? "", signedAtMs: 5 });

async function verify(entries: readonly AuditEntry[], checkpoint = signed) {
  const source = {
    page: async (after: number) => ({
      tenant: "demo",
      head: { sequence: ENTRIES, hash: last },
      entries: entries.slice(after, after + PAGE_ROWS),
    }),
    checkpoints: async () => ({ checkpoints: [checkpoint], keys: [signer.key] }),
  };
  return verifyLog(source, PAGES_MAX).catch((error: unknown) => {
    if (error instanceof LogFault) return `${error.what} ${error.sequence}`;
    throw error;
  });
}

describe("verifying the audit log in the browser", () => {
  test("accepts an unchanged log", async () => {
    expect(await verify(log)).toEqual({ entries: ENTRIES, signed: 1 });
  });

  test.each([
    ["changed 3", log.with(2, { ...(log[2] as AuditEntry), actor: "eve" })],
    ["missing 3", log.toSpliced(2, 1)],
    ["end 6", log.slice(0, 5)],
  ])("reports %s", async (fault, entries) => {
    expect(await verify(entries)).toBe(fault);
  });

  test("reports a signature by another key or over another hash", async () => {
    const other = new CheckpointSigner(randomBytes(32));
    const head = { tenant: "demo", sequence: 6, hash: log[5]?.hash ?? "", signedAtMs: 5 };
    expect(await verify(log, { ...other.sign(head), keyId: signer.key.keyId })).toBe("signature 6");
    expect(await verify(log, signer.sign({ ...head, hash: last }))).toBe("signature 6");
  });
});
