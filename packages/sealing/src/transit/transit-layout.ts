/**
 * The Kafka header `tripline-attributes` has the layout of `Transaction.personal` (sealed-layout.ts) in base64url. The
 * plaintext is a JSON object with sorted names.
 */

/** How long a key is stored: as long as copies of wrapped data keys remain on Kafka after an erasure. */
export const KEY_SECONDS_MAX = 90_000;

/** Attributes can be opened only for their payment. */
export function transitContext(transactionId: string): string {
  return `attributes\0${transactionId}`;
}
