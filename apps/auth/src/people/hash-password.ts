import type { Argon2Parameters } from "node:crypto";
import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { TriplineError } from "@tripline/contracts/error-table";

/**
 * argon2id (RFC 9106) with 19 MiB, two passes and one lane: the setting that OWASP's Password Storage Cheat Sheet lists
 * first. The strings are in PHC format, `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`, so that hashes with other costs
 * can coexist.
 */
const COST = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const PHC_PATTERN = /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;
/** Maximum memory in KiB that a stored hash may require. */
const MEMORY_KIB_MAX = 65_536;

const derive = promisify<"argon2id", Argon2Parameters, Buffer>(argon2);

/** Hashes a password for storage. Two hashes of the same password differ. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await compute(password, salt, COST);
  const { memory, passes, parallelism } = COST;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * Whether a password matches a hash. Compares in constant time.
 *
 * @throws TriplineError `internal` if the stored string is not from `hashPassword`
 */
export async function matchesPassword(password: string, stored: string): Promise<boolean> {
  const match = PHC_PATTERN.exec(stored);
  const [, m, t, p, salt = "", hash = ""] = match ?? [];
  const cost = { memory: Number(m), passes: Number(t), parallelism: Number(p) };
  if (match === null || cost.memory > MEMORY_KIB_MAX) {
    throw new TriplineError("internal", "A stored password hash is unreadable.");
  }
  const computed = await compute(password, Buffer.from(salt, "base64"), cost);
  return timingSafeEqual(computed, Buffer.from(hash, "base64"));
}

/** Unicode allows several encodings of the same text; all of them count as the same password. */
function compute(password: string, nonce: Buffer, cost: typeof COST): Promise<Buffer> {
  return derive("argon2id", { message: password.normalize("NFKC"), nonce, tagLength: HASH_BYTES, ...cost });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
