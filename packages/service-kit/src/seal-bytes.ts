import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

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
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/**
 * @param key 32 bytes
 * @param context bound to the ciphertext: it opens only under the same context
 */
export function sealBytes(plaintext: Uint8Array, key: Uint8Array, context: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Uint8Array.of(VERSION), nonce, cipher.getAuthTag(), ciphertext]);
}

/** @returns the plaintext; `undefined` under another key or context, or when the bytes were changed */
export function openBytes(sealed: Uint8Array, key: Uint8Array, context: string): Buffer | undefined {
  if (sealed[0] !== VERSION || sealed.length < HEAD_BYTES) return undefined;
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
