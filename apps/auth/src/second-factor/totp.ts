import { Secret, TOTP } from "otpauth";

/** The parameters that every authenticator app supports (RFC 6238). Enrolled secrets depend on them. */
const PLAN = { algorithm: "SHA1", digits: 6, period: 30 };
/** Clocks may differ by one step, and users take a while to type. */
const STEPS_APART_MAX = 1;

const secretOf = (bytes: Uint8Array): Secret => Secret.fromHex(Buffer.from(bytes).toString("hex"));

/** @returns the 30-second step of this code, close to now; `undefined` for a wrong code */
export function stepOf(secret: Uint8Array, code: string, nowMs: number): number | undefined {
  const options = { ...PLAN, token: code, secret: secretOf(secret), timestamp: nowMs, window: STEPS_APART_MAX };
  const delta = TOTP.validate(options);
  return delta === null ? undefined : TOTP.counter(options) + delta;
}

/** RFC 4648 section 6 without padding, as authenticator apps expect. */
export const base32 = (bytes: Uint8Array): string => secretOf(bytes).base32;

/** The content of the QR code for an authenticator app. */
export function otpauthUri(secret: Uint8Array, userName: string, issuer: string): string {
  return new TOTP({ ...PLAN, issuer, label: userName, secret: secretOf(secret) }).toString();
}
