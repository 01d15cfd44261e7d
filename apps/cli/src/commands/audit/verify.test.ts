import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { AuditCheckpoint, AuditKey } from "@tripline/contracts/audit/audit-checkpoint";
import { CheckpointSigner } from "@tripline/contracts/audit/audit-checkpoint";
import type { AuditEntry } from "@tripline/contracts/audit/audit-entry";
import { hashEntry, NO_ENTRY } from "@tripline/contracts/audit/audit-entry";
import { auditCommand } from "./audit.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-audit-"));
});

afterEach(() => rm(folder, { recursive: true }));

interface Proofs {
  readonly checkpoints: readonly AuditCheckpoint[];
  readonly keys: readonly AuditKey[];
}

/** An export of four entries, signed at the last one. @returns its signatures */
async function writeExport(file: string, actor: string, signer: CheckpointSigner): Promise<Proofs> {
  const entries: AuditEntry[] = [];
  for (let sequence = 1; sequence <= 4; sequence += 1) {
    const event = {
      eventId: `e${sequence}`,
      tenant: "acme",
      actor,
      actorKind: "client" as const,
      action: "list-entries-put",
      subjectKind: "list",
      subjectId: "deny",
      details: "{}",
      atMs: 1,
      source: "control",
    };
    entries.push({ ...event, sequence, hash: hashEntry(entries.at(-1)?.hash ?? NO_ENTRY, sequence, event) });
  }
  const head = { sequence: 4, hash: entries.at(-1)?.hash ?? "" };
  const checkpoint = signer.sign({ tenant: "acme", ...head, signedAtMs: 1_000 });
  const lines = [{ tenant: "acme", head }, { key: signer.key }, { checkpoint }, ...entries.map((entry) => ({ entry }))];
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join("\n"));
  return { checkpoints: [checkpoint], keys: [signer.key] };
}

async function verify(...args: readonly string[]): Promise<string> {
  const printed: string[] = [];
  const command = auditCommand({ write: (text: string) => printed.push(text) });
  await command.parseAsync(["verify", ...args], { from: "user" });
  return printed.join("");
}

test("a log that was written anew as a whole and signed again is found by an anchor alone", async () => {
  const file = join(folder, "audit.ndjson");
  const anchors = join(folder, "audit-anchor-2026-11-27.json");
  const honest = new CheckpointSigner(randomBytes(32));
  await writeFile(anchors, JSON.stringify(await writeExport(file, "ann", honest)));
  const whole = `The audit log of the tenant acme is whole: 4 entries, signed up to entry 4 by the key ${honest.key.keyId} at 1970-`;
  await expect(verify("--input", file)).resolves.toContain(whole);
  for (const place of [folder, pathToFileURL(folder).href]) {
    await expect(verify("--input", file, "--anchors", place)).resolves.toContain(whole);
  }

  // The thief of the key writes another log, and signs it.
  await writeExport(file, "eve", honest);
  await expect(verify("--input", file)).resolves.toContain("is whole");
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("were written anew");

  // Without the key, with another one in its place.
  await writeExport(file, "eve", new CheckpointSigner(randomBytes(32)));
  await expect(verify("--input", file)).resolves.toContain("is whole");
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("has no valid signature");
  await expect(verify("--input", file, "--key", honest.key.keyId)).rejects.toThrow("has no valid signature");
});

test("a place without anchors is refused", async () => {
  const file = join(folder, "audit.ndjson");
  await writeExport(file, "ann", new CheckpointSigner(randomBytes(32)));
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("has no file audit-anchor-….json.");
});
