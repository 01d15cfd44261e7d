import { encodeMessage } from "@tripline/contracts/encode-message";
import { SubjectKey } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { SUBJECT_KEYS_TOPIC } from "@tripline/contracts/topics";
import type { OutgoingRecord } from "@tripline/kafka/port";
import type { NewKey, PersonalSealer, Sealed } from "@tripline/sealing/personal-sealer";
import type { PersonalSubject } from "@tripline/sealing/sealed-layout";
import { personalFields } from "../generated/payment-fields.js";
import { countUnsealed } from "../ingestion-metrics.js";
import type { PaymentBody } from "../requests/request-schemas.js";

/** Injects a `PersonalSeal`; undefined if no personal data is stored. */
export const PERSONAL_SEAL = Symbol("PERSONAL_SEAL");

/** Seals the personal data of a payment; undefined if there is none, or if sealing fails, which is counted. */
export type PersonalSeal = (payment: PaymentBody, subject: PersonalSubject, id: string) => Sealed | undefined;

export function personalSeal(sealer: PersonalSealer): PersonalSeal {
  return (payment, subject, id) => {
    const fields = personalFields(payment);
    if (fields === undefined) return undefined;
    const sealed = sealer.seal(fields, subject, id);
    if (typeof sealed !== "string") return sealed;
    countUnsealed(sealed);
    return undefined;
  };
}

export function keyRecord({ key }: NewKey): OutgoingRecord {
  return {
    topic: SUBJECT_KEYS_TOPIC.name,
    key: key.cardToken,
    value: encodeMessage(SubjectKey, key),
    headers: { [HEADERS.schema]: SUBJECT_KEYS_TOPIC.schema, [HEADERS.tenant]: key.tenant },
  };
}
