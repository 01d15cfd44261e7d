import { CARD_TOKEN_PATTERN, EMAIL_TOKEN_PATTERN, TRANSACTION_ID_PATTERN } from "@tripline/contracts/identifiers";
import { z } from "zod";

/** Of one request. */
const PAYMENTS_MAX = 100;
/** Every field at its longest, with room. */
const SEALED_CHARACTERS_MAX = 4_096;

export const newErasure = z.strictObject({
  subject: z
    .string()
    .refine(
      (text) => CARD_TOKEN_PATTERN.test(text) || EMAIL_TOKEN_PATTERN.test(text),
      "must be a card token, ct_ and 32 hexadecimal digits, or the token of an e-mail address, et_ and as many",
    ),
});

export const sealedPayments = z.strictObject({
  payments: z
    .array(
      z.strictObject({
        transaction_id: z.string().regex(TRANSACTION_ID_PATTERN, "must be the id of a payment: txn_…"),
        personal: z.base64().max(SEALED_CHARACTERS_MAX).meta({ description: "As it is in the payment's record." }),
      }),
    )
    .min(1)
    .max(PAYMENTS_MAX),
});
