import { createPublicKey } from "node:crypto";
import { z } from "zod";
import { SCOPES } from "../provider/scopes.js";

/** Shape of a client id; anything else is unknown without asking the database. */
export const CLIENT_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** Shape of a tenant, as every service checks it in the token. */
export const TENANT_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

const SECRET_CHARACTERS_MIN = 24;
const SECRET_CHARACTERS_MAX = 256;
const CLIENT_KEYS_MAX = 8;
const RSA_BITS_MIN = 2_048;

/** Members that only a private or a symmetric key has. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

const publicJwk = z.record(z.string(), z.json()).superRefine((jwk, check) => {
  const secret = PRIVATE_MEMBERS.filter((member) => member in jwk);
  if (secret.length > 0) {
    check.addIssue({ code: "custom", message: "is a private key; register the public one only" });
    return;
  }
  const fault = publicKeyFault(jwk);
  if (fault !== undefined) check.addIssue({ code: "custom", message: fault });
});

/** A public JSON Web Key. */
export type PublicJwk = z.infer<typeof publicJwk>;

/** What is needed to register a machine client: a secret, or public keys for `private_key_jwt`. */
export const clientRegistration = z
  .strictObject({
    client_id: z.string().regex(CLIENT_ID_PATTERN, "must be 1 to 64 letters, digits, dots, dashes or underscores"),
    tenant: z.string().regex(TENANT_PATTERN, "must be 1 to 64 letters, digits, dashes or underscores"),
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .transform((scopes) => [...new Set(scopes)]),
    client_secret: z
      .string()
      .min(SECRET_CHARACTERS_MIN, `must have at least ${SECRET_CHARACTERS_MIN} characters`)
      .max(SECRET_CHARACTERS_MAX, `must have at most ${SECRET_CHARACTERS_MAX} characters`)
      .regex(/^[\x21-\x7e]*$/, "must be printable ASCII without spaces")
      .optional(),
    jwks: z.strictObject({ keys: z.array(publicJwk).min(1).max(CLIENT_KEYS_MAX) }).optional(),
  })
  .refine((client) => (client.client_secret === undefined) !== (client.jwks === undefined), {
    message: "give either client_secret or jwks",
  });

export type ClientRegistration = z.input<typeof clientRegistration>;

function publicKeyFault(jwk: PublicJwk): string | undefined {
  try {
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < RSA_BITS_MIN ? `is an RSA key under ${RSA_BITS_MIN} bits` : undefined;
  } catch {
    return "is not a public key in JWK form";
  }
}
