import type { AuditCheckpoint, AuditKey, AuditLogEntry, AuditLogPage } from "../api/control.js";

/**
 * Verifies the audit log in the browser, as described in docs/audit.md: each entry's hash covers its content and the
 * previous entry's hash, the log ends where control says, and control's signatures cover these hashes. Only anchors
 * reveal a log that was rewritten together with its signatures. To check them, use `npx tripline audit verify
 * --anchors`.
 */

const NO_ENTRY = "0".repeat(64);
const NUMBER_BYTES = 8;

export interface Verified {
  readonly entries: number;
  readonly signed: number;
}

/** The first fault in the log. */
export class LogFault extends Error {
  constructor(
    readonly sequence: number,
    readonly what: "missing" | "changed" | "end" | "signature",
  ) {
    super(`${what} at ${sequence}`);
  }
}

interface LogSource {
  readonly page: (after: number) => Promise<AuditLogPage>;
  readonly checkpoints: () => Promise<{
    readonly checkpoints: readonly AuditCheckpoint[];
    readonly keys: readonly AuditKey[];
  }>;
}

/**
 * @param pagesMax maximum number of pages, of 1,000 entries each
 * @throws LogFault
 */
export async function verifyLog({ page, checkpoints }: LogSource, pagesMax: number): Promise<Verified> {
  const { checkpoints: signed, keys } = await checkpoints();
  const bySequence = new Map(signed.map((one) => [one.sequence, one]));
  let [previous, sequence, checked] = [NO_ENTRY, 0, 0];
  let head: AuditLogPage["head"] = { sequence: 0, hash: null };
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const found = await page(sequence);
    if (pages === 0) head = found.head;
    for (const entry of found.entries) {
      sequence += 1;
      if (entry.sequence !== sequence) throw new LogFault(sequence, "missing");
      if ((await hashEntry(previous, entry)) !== entry.hash) throw new LogFault(sequence, "changed");
      if (sequence === head.sequence && entry.hash !== head.hash) throw new LogFault(sequence, "end");
      const checkpoint = bySequence.get(sequence);
      if (checkpoint !== undefined) {
        if (checkpoint.hash !== entry.hash) throw new LogFault(sequence, "signature");
        if (!(await isSigned(checkpoint, keys))) throw new LogFault(sequence, "signature");
        checked += 1;
      }
      previous = entry.hash;
    }
    if (found.entries.length === 0 || sequence >= head.sequence) break;
  }
  if (sequence < head.sequence) throw new LogFault(sequence + 1, "end");
  // Signatures were read before the head, so a signature beyond the head means that the log was truncated.
  const lastSigned = signed.reduce((last, one) => Math.max(last, one.sequence), 0);
  if (lastSigned > sequence) throw new LogFault(sequence + 1, "end");
  return { entries: sequence, signed: checked };
}

async function hashEntry(previous: string, entry: AuditLogEntry): Promise<string> {
  const bytes = encodeParts([
    ...["tripline-audit-entry/1", previous, entry.sequence, entry.eventId, entry.tenant, entry.actor, entry.actorKind],
    ...[entry.action, entry.subjectKind, entry.subjectId, entry.details, entry.atMs, entry.source],
  ]);
  return toHex(await crypto.subtle.digest("SHA-256", bytes));
}

async function isSigned(checkpoint: AuditCheckpoint, keys: readonly AuditKey[]): Promise<boolean> {
  const key = keys.find(({ keyId }) => keyId === checkpoint.keyId);
  if (key === undefined) return false;
  const { tenant, sequence, hash, signedAtMs, keyId } = checkpoint;
  const der = fromBase64(key.publicKey);
  const digest = toHex(await crypto.subtle.digest("SHA-256", der));
  if (!digest.startsWith(keyId)) return false;
  const publicKey = await crypto.subtle.importKey("spki", der, "Ed25519", false, ["verify"]);
  const signed = encodeParts(["tripline-audit-checkpoint/1", tenant, sequence, hash, signedAtMs, keyId]);
  return crypto.subtle.verify("Ed25519", publicKey, fromBase64(checkpoint.signature), signed);
}

/** Each string is preceded by its length in bytes. Lengths and numbers take 8 bytes, big-endian. */
function encodeParts(parts: readonly (string | number)[]): Uint8Array<ArrayBuffer> {
  const encoded = parts.map((part) => {
    const text = typeof part === "string" ? new TextEncoder().encode(part) : new Uint8Array();
    const bytes = new Uint8Array(NUMBER_BYTES + text.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(typeof part === "string" ? text.length : part));
    bytes.set(text, NUMBER_BYTES);
    return bytes;
  });
  const all = new Uint8Array(encoded.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of encoded) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}

const toHex = (buffer: ArrayBuffer): string =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
