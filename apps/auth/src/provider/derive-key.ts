import { hkdfSync } from "node:crypto";

/** A key for one purpose, from the one that the service is given. @returns 32 bytes */
export function deriveKey(keyEncryptionKey: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", keyEncryptionKey, "", `tripline-auth ${purpose}`, 32));
}
