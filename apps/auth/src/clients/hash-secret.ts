import type { BinaryLike, ScryptOptions } from "node:crypto";
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { TriplineError } from "@tripline/contracts/error-table";

/**
 * scrypt (RFC 7914) with N = 2^14, r = 8, p = 5: 16 MiB per computation, one of the equivalent minimum settings of
 * OWASP's Password Storage Cheat Sheet. The strings are in PHC format, `$scrypt$ln=14,r=8,p=5$<salt>$<hash>`, so that
 * hashes with other costs can coexist.
 */
const COST = { ln: 14, r: 8, p: 5 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const PHC_PATTERN = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;
/** Maximum memory in bytes that a stored hash may require. */
const MEMORY_BYTES_MAX = 64 * 1_024 * 1_024;

const derive = promisify<BinaryLike, BinaryLike, number, ScryptOptions, Buffer>(scrypt);

/** Hashes a secret for storage. Two hashes of the same secret differ. */
export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await compute(secret, salt, COST);
  return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * Whether a secret matches a hash. Compares in constant time.
 *
 * @throws TriplineError `internal` if the stored string is not from `hashSecret`
 */
export async function matchesHash(secret: string, stored: string): Promise<boolean> {
  const match = PHC_PATTERN.exec(stored);
  const [, ln, r, p, salt = "", hash = ""] = match ?? [];
  if (match === null) throw new TriplineError("internal", "A stored secret hash is unreadable.");
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const computed = await compute(secret, Buffer.from(salt, "base64"), cost);
  return timingSafeEqual(computed, Buffer.from(hash, "base64"));
}

function compute(secret: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  const options = { cost: 2 ** cost.ln, blockSize: cost.r, parallelization: cost.p, maxmem: MEMORY_BYTES_MAX };
  return derive(secret, salt, HASH_BYTES, options);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
