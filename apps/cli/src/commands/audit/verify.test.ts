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
import { fetchLog, readLog } from "./read-log.js";
import { verify as verifyLog } from "./verify.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-audit-"));
});

afterEach(() => rm(folder, { recursive: true }));

interface Proofs {
  readonly checkpoints: readonly AuditCheckpoint[];
  readonly keys: readonly AuditKey[];
}

/** Two additional entries after the first four. */
interface Later {
  readonly actor: string;
  readonly signer: CheckpointSigner;
  /** Checkpoints that replace the valid signature. */
  readonly checkpoints?: readonly AuditCheckpoint[];
}

/**
 * Writes an export of four entries with a signature on the fourth, and optionally two more entries with a signature on
 * the sixth.
 *
 * @returns the signatures
 */
async function writeExport(file: string, actor: string, signer: CheckpointSigner, later?: Later): Promise<Proofs> {
  const entries: AuditEntry[] = [];
  const checkpoints: AuditCheckpoint[] = [];
  const sign = (by: CheckpointSigner, at: AuditEntry) =>
    by.sign({ tenant: "acme", sequence: at.sequence, hash: at.hash, signedAtMs: 1_000 });
  for (let sequence = 1; sequence <= (later === undefined ? 4 : 6); sequence += 1) {
    const event = {
      eventId: `e${sequence}`,
      tenant: "acme",
      actor: sequence > 4 ? (later?.actor ?? actor) : actor,
      actorKind: "client" as const,
      action: "list-entries-put",
      subjectKind: "list",
      subjectId: "deny",
      details: "{}",
      atMs: 1,
      source: "control",
    };
    const entry = { ...event, sequence, hash: hashEntry(entries.at(-1)?.hash ?? NO_ENTRY, sequence, event) };
    entries.push(entry);
    if (sequence === 4) checkpoints.push(sign(signer, entry));
    if (sequence === 6 && later !== undefined) checkpoints.push(...(later.checkpoints ?? [sign(later.signer, entry)]));
  }
  const keys = later === undefined ? [signer.key] : [signer.key, later.signer.key];
  const lines = [
    { tenant: "acme", head: { sequence: entries.length, hash: entries.at(-1)?.hash ?? "" } },
    ...keys.map((key) => ({ key })),
    ...checkpoints.map((checkpoint) => ({ checkpoint })),
    ...entries.map((entry) => ({ entry })),
  ];
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join("\n"));
  return { checkpoints, keys };
}

async function verify(...args: readonly string[]): Promise<string> {
  const printed: string[] = [];
  const command = auditCommand({ write: (text: string) => printed.push(text) });
  await command.parseAsync(["verify", ...args], { from: "user" });
  return printed.join("");
}

test("needs an anchor to detect a log that was rewritten and signed again", async () => {
  const file = join(folder, "audit.ndjson");
  const anchors = join(folder, "audit-anchor-2026-11-27.json");
  const honest = new CheckpointSigner(randomBytes(32));
  await writeFile(anchors, JSON.stringify(await writeExport(file, "ann", honest)));
  const whole = `The audit log of the tenant acme is intact: 4 entries, signed up to entry 4 by the key ${honest.key.keyId} at 1970-`;
  await expect(verify("--input", file)).resolves.toContain(whole);
  for (const place of [folder, pathToFileURL(folder).href]) {
    await expect(verify("--input", file, "--anchors", place)).resolves.toContain(whole);
  }

  // An attacker with the key writes and signs another log.
  await writeExport(file, "eve", honest);
  await expect(verify("--input", file)).resolves.toContain("is intact");
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("were rewritten");

  // An attacker without the key signs with another one.
  await writeExport(file, "eve", new CheckpointSigner(randomBytes(32)));
  await expect(verify("--input", file)).resolves.toContain("is intact");
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("which is not in any anchor");
  await expect(verify("--input", file, "--key", honest.key.keyId)).rejects.toThrow("has no valid signature");
});

test("regression #24: rejects signatures by a key that no anchor contains, and accepts them once an anchor contains it", async () => {
  const file = join(folder, "audit.ndjson");
  const [before, after] = [new CheckpointSigner(randomBytes(32)), new CheckpointSigner(randomBytes(32))];
  const keepAnchor = (name: string, proofs: Proofs) =>
    writeFile(join(folder, `audit-anchor-${name}.json`), JSON.stringify(proofs));
  const kept = await writeExport(file, "ann", before);
  await keepAnchor("2026-11-27T10", kept);
  const proofs = await writeExport(file, "ann", before, { actor: "ann", signer: after });
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow(
    `Entry 6 is signed with the key ${after.key.keyId}, which is not in any anchor.`,
  );

  // Control does the same before it signs with a new key.
  await keepAnchor(`key-${after.key.keyId}`, { checkpoints: kept.checkpoints, keys: proofs.keys });
  await expect(verify("--input", file, "--anchors", folder)).resolves.toMatch(
    new RegExp(`6 entries, signed up to entry 6 by the key ${after.key.keyId} at [^ ]+\\.\n$`),
  );
  const alone = ["--anchors", folder, "--key", before.key.keyId];
  await expect(verify("--input", file, ...alone)).rejects.toThrow("has no valid signature");

  // First, the later entries are forged but keep their old signature. Then, their signature names the wrong key.
  const later = proofs.checkpoints.slice(1);
  await writeExport(file, "ann", before, { actor: "eve", signer: after, checkpoints: later });
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("Entries 5 to 6 were rewritten");
  const forged = later.map((one) => ({ ...one, keyId: before.key.keyId }));
  await writeExport(file, "ann", before, { actor: "ann", signer: after, checkpoints: forged });
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("has no valid signature");

  // Later entries do not change what an anchor has signed.
  await writeExport(file, "eve", before, { actor: "eve", signer: after });
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("Entries 1 to 4 were rewritten");
});

test("regression #24: later signatures reveal that a log and its head were truncated", async () => {
  const file = join(folder, "audit.ndjson");
  const signer = new CheckpointSigner(randomBytes(32));
  const proofs = await writeExport(file, "ann", signer, { actor: "ann", signer });
  const { entries: all } = await readLog(file);
  const entries: AuditEntry[] = [];
  for await (const entry of all) if (entry.sequence <= 4) entries.push(entry as AuditEntry);
  const head = { sequence: 4, hash: entries[3]?.hash };
  const client = {
    call: async (_method: string, path: string, options?: { readonly query?: URLSearchParams }): Promise<unknown> => {
      const after = Number(options?.query?.get("after"));
      if (path === "/v1/audit/checkpoints") return after === 0 ? proofs : { ...proofs, checkpoints: [] };
      return { tenant: "acme", head, entries: entries.filter(({ sequence }) => sequence > after) };
    },
  };
  await expect(verifyLog(await fetchLog(client), [])).rejects.toThrow(
    "The log is truncated: Entries 5 to 6 are missing.",
  );
});

test("rejects a location without anchors", async () => {
  const file = join(folder, "audit.ndjson");
  await writeExport(file, "ann", new CheckpointSigner(randomBytes(32)));
  await expect(verify("--input", file, "--anchors", folder)).rejects.toThrow("contains no audit-anchor-….json file.");
});
