import { hkdfSync } from "node:crypto";

/** Derives a key for one purpose from the service's key. @returns 32 bytes */
export function deriveKey(keyEncryptionKey: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", keyEncryptionKey, "", `tripline-auth ${purpose}`, 32));
}
