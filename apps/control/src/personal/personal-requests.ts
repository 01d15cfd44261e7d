import { SUBJECT_PREFIXES } from "@tripline/contracts/generated/payment-fields";
import { isSubject, TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { z } from "zod";

/** Maximum number of payments per request. */
const PAYMENTS_MAX = 100;
/** Enough for all fields at their maximum length (attributes: 4,096 bytes). `PAYMENTS_MAX` of them fit into a body of 1 MiB. */
const SEALED_CHARACTERS_MAX = 10_000;
const PREFIXES = Object.keys(SUBJECT_PREFIXES).map((prefix) => `${prefix}_`);

/** A token that identifies a person. */
const subject = z
  .string()
  .refine(isSubject, `must be one of ${PREFIXES.join(", ")}, followed by 32 hexadecimal digits`);

export const newErasure = z.strictObject({ subject });
export const newExport = z.strictObject({ subject });

export const sealedPayments = z.strictObject({
  payments: z
    .array(
      z.strictObject({
        transaction_id: z.string().regex(TRANSACTION_ID_PATTERN, "must be a payment ID such as txn_…"),
        personal: z.base64().max(SEALED_CHARACTERS_MAX).meta({ description: "As stored in the payment's record." }),
        subjects: z.array(subject).max(PREFIXES.length).default([]).meta({
          description:
            "The payment's tokens for people, such as its card token. If they are given, the response says whether they were erased.",
        }),
      }),
    )
    .min(1)
    .max(PAYMENTS_MAX),
  reason: z
    .string()
    .regex(/^[a-z][a-z-]{0,31}$/, "must be a short word, or several words joined by hyphens")
    .optional()
    .meta({ description: "Reason for the decryption. The audit log stores it, so it must be a code, not free text." }),
});
