import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, hash, sign, verify } from "node:crypto";
import { z } from "zod";
import { encodeParts } from "./audit-entry.js";

/** The control plane's signed statement that a log had this hash at this entry. */
export const auditCheckpoint = z.object({
  tenant: z.string(),
  sequence: z.int().min(1),
  hash: z.string(),
  signedAtMs: z.int(),
  keyId: z.string(),
  /** Ed25519 (RFC 8032), base64. */
  signature: z.base64(),
});

export type AuditCheckpoint = z.infer<typeof auditCheckpoint>;

/** A public key that verifies signatures. */
export const auditKey = z.object({
  keyId: z.string(),
  /** SubjectPublicKeyInfo, base64. */
  publicKey: z.base64(),
});

export type AuditKey = z.infer<typeof auditKey>;

/** The fixed bytes of a PKCS #8 Ed25519 key (RFC 8410), up to its seed. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const KEY_ID_DIGITS = 16;

/** Signs the newest entry of each log with a key derived from a secret: the same secret always gives the same key. */
export class CheckpointSigner {
  readonly key: AuditKey;
  readonly #private: KeyObject;

  /** @param seed 32 bytes */
  constructor(seed: Uint8Array) {
    this.#private = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
    const publicKey = createPublicKey(this.#private).export({ format: "der", type: "spki" });
    this.key = { keyId: keyIdOf(publicKey), publicKey: publicKey.toString("base64") };
  }

  sign(head: Omit<AuditCheckpoint, "keyId" | "signature">): AuditCheckpoint {
    const unsigned = { ...head, keyId: this.key.keyId };
    return { ...unsigned, signature: sign(null, signedBytes(unsigned), this.#private).toString("base64") };
  }
}

/** Whether a key signed a checkpoint. False for a key whose id does not match its bytes. */
export function isSigned(checkpoint: AuditCheckpoint, { keyId, publicKey }: AuditKey): boolean {
  const der = Buffer.from(publicKey, "base64");
  if (keyId !== checkpoint.keyId || keyId !== keyIdOf(der)) return false;
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  return verify(null, signedBytes(checkpoint), key, Buffer.from(checkpoint.signature, "base64"));
}

function keyIdOf(der: Uint8Array): string {
  return hash("sha256", der).slice(0, KEY_ID_DIGITS);
}

function signedBytes({ tenant, sequence, hash: head, signedAtMs, keyId }: Omit<AuditCheckpoint, "signature">): Buffer {
  return encodeParts(["tripline-audit-checkpoint/1", tenant, sequence, head, signedAtMs, keyId]);
}
