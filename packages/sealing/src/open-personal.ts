import { PersonalFields } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { MasterKey } from "./master-keys/wrapping.js";
import { openBytes } from "./seal-bytes.js";
import type { PersonalSubject } from "./sealed-layout.js";
import { fieldsContext, keyContext, writeSubject } from "./sealed-layout.js";

/** A data key as it is stored. */
export interface StoredKey {
  readonly wrapped: Uint8Array;
  readonly wrappedEnvelope: Uint8Array;
}

/** Maximum number of cached envelope keys. There is one per ingestion instance and half day. */
const ENVELOPES_MAX = 1_000;

/** Decrypts the output of `PersonalSealer` with stored keys. */
export class PersonalOpener {
  readonly #envelopes = new Map<string, Promise<Buffer>>();

  constructor(private readonly masterKey: MasterKey) {}

  /**
   * @param sealed without the header of `splitSealed`
   * @returns undefined if the key does not belong to the payment, or the bytes were changed
   * @throws TriplineError `master-key-unavailable`
   */
  async open(
    sealed: Uint8Array,
    key: StoredKey,
    subject: PersonalSubject,
    transactionId: string,
  ): Promise<PersonalFields | undefined> {
    const name = writeSubject(subject);
    const secret = openBytes(key.wrapped, await this.#envelopeOf(key.wrappedEnvelope), keyContext(name));
    const plain = secret && openBytes(sealed, secret, fieldsContext(name, transactionId));
    return plain && PersonalFields.decode(plain);
  }

  #envelopeOf(wrapped: Uint8Array): Promise<Buffer> {
    const name = Buffer.from(wrapped).toString("base64");
    const known = this.#envelopes.get(name);
    if (known !== undefined) return known;
    if (this.#envelopes.size >= ENVELOPES_MAX) this.#envelopes.clear();
    const asking = this.masterKey.unwrap(wrapped);
    this.#envelopes.set(name, asking);
    asking.catch(() => this.#envelopes.delete(name));
    return asking;
  }
}
