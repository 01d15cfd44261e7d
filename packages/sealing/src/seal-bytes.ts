import type { KeyObject } from "node:crypto";
import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";

/**
 * Layout of sealed bytes, AES-256-GCM (NIST SP 800-38D):
 *
 *     offset  0   1        13        29
 *             ┌───┬────────┬─────────┬────────────┐
 *             │ 1 │ nonce  │ tag     │ ciphertext │
 *             └───┴────────┴─────────┴────────────┘
 *     bytes     1   12       16        as the plaintext
 */
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TAG_AT = 1 + NONCE_BYTES;
const HEAD_BYTES = TAG_AT + TAG_BYTES;
const TAG_LENGTH = { authTagLength: TAG_BYTES };

/** Unused nonces. They are generated in advance, because generating twelve random bytes costs as much as sealing. */
const nonces = Buffer.alloc(NONCE_BYTES * 512);
let nonceAt = nonces.length;

function nextNonce(): Buffer {
  if (nonceAt === nonces.length) {
    randomFillSync(nonces);
    nonceAt = 0;
  }
  nonceAt += NONCE_BYTES;
  return nonces.subarray(nonceAt - NONCE_BYTES, nonceAt);
}

/**
 * @param key 32 bytes; for frequent use, pass a KeyObject, so that Node does not have to create one each time
 * @param context bound to the ciphertext, which can be opened only with the same context
 * @param before bytes that are placed before the sealed bytes
 */
export function sealBytes(
  plaintext: Uint8Array,
  key: Uint8Array | KeyObject,
  context: string,
  before?: Uint8Array,
): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv("aes-256-gcm", key, nonce, TAG_LENGTH);
  cipher.setAAD(Buffer.from(context));
  const ciphertext = cipher.update(plaintext);
  // In this mode, `final` returns no data; it computes the tag.
  cipher.final();
  const at = before?.length ?? 0;
  const sealed = Buffer.allocUnsafe(at + HEAD_BYTES + ciphertext.length);
  if (before !== undefined) sealed.set(before);
  sealed[at] = VERSION;
  sealed.set(nonce, at + 1);
  sealed.set(cipher.getAuthTag(), at + TAG_AT);
  sealed.set(ciphertext, at + HEAD_BYTES);
  return sealed;
}

/** @returns the plaintext; `undefined` with another key or context, or if the bytes were changed */
export function openBytes(sealed: Uint8Array, key: Uint8Array, context: string): Buffer | undefined {
  if (sealed[0] !== VERSION || sealed.length < HEAD_BYTES) return undefined;
  const nonce = sealed.subarray(1, TAG_AT);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, TAG_LENGTH);
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(TAG_AT, HEAD_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
