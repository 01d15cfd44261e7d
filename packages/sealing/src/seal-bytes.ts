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

/** Unused random bytes. They are generated in advance, because generating twelve bytes costs as much as sealing. */
const random = Buffer.alloc(8_192);
let randomAt = random.length;

/** Random bytes, each of which is returned only once. The next calls may overwrite them, so copy what is kept. */
export function nextRandom(bytes: number): Buffer {
  if (randomAt + bytes > random.length) {
    randomFillSync(random);
    randomAt = 0;
  }
  randomAt += bytes;
  return random.subarray(randomAt - bytes, randomAt);
}

/**
 * @param key 32 bytes. Node takes several times as long for bytes as for a KeyObject, even a new one
 * @param context bound to the ciphertext, which can be opened only with the same context
 * @param before a Latin-1 string, whose bytes are placed before the sealed bytes
 */
export function sealBytes(plaintext: Uint8Array, key: Uint8Array | KeyObject, context: string, before = ""): Buffer {
  const nonce = nextRandom(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, TAG_LENGTH);
  cipher.setAAD(Buffer.from(context));
  const ciphertext = cipher.update(plaintext);
  // In this mode, `final` returns no data; it computes the tag.
  cipher.final();
  const at = before.length;
  const sealed = Buffer.allocUnsafe(at + HEAD_BYTES + ciphertext.length);
  sealed.write(before, "latin1");
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
