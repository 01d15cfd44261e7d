import { createHmac } from "node:crypto";

/** What every authenticator app takes: RFC 6238 with SHA-1, 6 digits and 30 seconds. */
const DIGITS = 6;
const STEP_SECONDS = 30;
/** Clocks may differ by a step, and people take a while to type. */
const STEPS_APART_MAX = 1;

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE32_BITS = 5;

/** The code of a step of 30 seconds, counted from the epoch (RFC 4226 section 5.3). */
export function codeOf(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, "0");
}

/** @returns the step whose code this is, of those about now; `undefined` for a wrong code */
export function stepOf(secret: Uint8Array, code: string, nowMs: number): number | undefined {
  const now = Math.floor(nowMs / 1_000 / STEP_SECONDS);
  for (let step = now - STEPS_APART_MAX; step <= now + STEPS_APART_MAX; step += 1) {
    if (codeOf(secret, step) === code) return step;
  }
  return undefined;
}

/** RFC 4648 section 6, without padding, as authenticator apps take it. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= BASE32_BITS) {
      bits -= BASE32_BITS;
      text += BASE32.charAt((value >>> bits) & 31);
    }
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + BASE32.charAt((value << (BASE32_BITS - bits)) & 31);
}

/** What an authenticator app reads from a QR code. */
export function otpauthUri(secret: Uint8Array, userName: string, issuer: string): string {
  const query = new URLSearchParams({
    secret: base32(secret),
    issuer,
    digits: String(DIGITS),
    period: String(STEP_SECONDS),
  });
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(userName)}?${query}`;
}
