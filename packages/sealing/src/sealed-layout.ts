/**
 * Layout of `Transaction.personal`:
 *
 *     offset  0   1        17
 *             ┌───┬────────┬──────────────────────────┐
 *             │ 1 │ key id │ sealed bytes             │
 *             └───┴────────┴──────────────────────────┘
 *     bytes     1   16       from `sealBytes`
 */
const VERSION = 1;
export const KEY_ID_BYTES = 16;
/** Size of the header before the sealed bytes. */
const HEAD_BYTES = 1 + KEY_ID_BYTES;

/** The owner of personal data: a tenant's card and the other tokens of the same payment. */
export interface PersonalSubject {
  readonly tenant: string;
  readonly cardToken: string;
  /** Empty if there was none. */
  readonly emailToken: string;
  /** Non-empty tokens of the payment's other fields with `subject`, ordered by field number. */
  readonly otherTokens?: readonly string[];
}

/** The header before the sealed bytes, as a Latin-1 string, which takes a tenth of the memory of a small buffer. */
export function headOf(keyId: Buffer): string {
  return String.fromCharCode(VERSION) + keyId.toString("latin1");
}

/** @returns undefined for bytes in another layout */
export function splitSealed(bytes: Uint8Array): { keyId: Buffer; sealed: Uint8Array } | undefined {
  if (bytes[0] !== VERSION || bytes.length <= HEAD_BYTES) return undefined;
  return { keyId: Buffer.from(bytes.subarray(1, HEAD_BYTES)), sealed: bytes.subarray(HEAD_BYTES) };
}

/** Personal fields can be decrypted only for their subject and payment. @param subject from `writeSubject` */
export function fieldsContext(subject: string, transactionId: string): string {
  return `personal\0${subject}\0${transactionId}`;
}

/** A data key can be decrypted only for its subject. @param subject from `writeSubject` */
export function keyContext(subject: string): string {
  return `data-key\0${subject}`;
}

/**
 * Without other tokens, the text is the same as before they were introduced, so that older data can still be opened.
 */
export function writeSubject({ tenant, cardToken, emailToken, otherTokens = NO_TOKENS }: PersonalSubject): string {
  const text = `${tenant}\0${cardToken}\0${emailToken}`;
  return otherTokens.length === 0 ? text : `${text}\0${otherTokens.join("\0")}`;
}

const NO_TOKENS: readonly string[] = [];

/** All tokens of the owner. */
export function tokensOf({ cardToken, emailToken, otherTokens = NO_TOKENS }: PersonalSubject): string[] {
  return [cardToken, emailToken, ...otherTokens];
}
