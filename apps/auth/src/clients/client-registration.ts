import { createPublicKey } from "node:crypto";
import { SCOPES } from "@tripline/contracts/roles";
import { z } from "zod";
import { canonicalUserName } from "../people/canonical-user-name.js";

/** Format of a client ID. Any other string is rejected without a database query. */
export const CLIENT_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** Format of a tenant, which every service checks in tokens. */
export const TENANT_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Users of an identity provider are named `<tenant>:<name>:<number>`. */
const USER_NAME_CHARACTERS_MAX = 132;
const SECRET_CHARACTERS_MIN = 24;
const SECRET_CHARACTERS_MAX = 256;
const CLIENT_KEYS_MAX = 8;
const REDIRECT_URIS_MAX = 10;
const URI_CHARACTERS_MAX = 512;
const RSA_BITS_MIN = 2_048;

export const clientSecret = z
  .string()
  .min(SECRET_CHARACTERS_MIN, `must have at least ${SECRET_CHARACTERS_MIN} characters`)
  .max(SECRET_CHARACTERS_MAX, `must have at most ${SECRET_CHARACTERS_MAX} characters`)
  .regex(/^[\x21-\x7e]*$/, "must be printable ASCII without spaces");

/** Members that only private and symmetric keys have. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

const publicJwk = z.record(z.string(), z.json()).superRefine((jwk, check) => {
  const secret = PRIVATE_MEMBERS.filter((member) => member in jwk);
  if (secret.length > 0) {
    check.addIssue({ code: "custom", message: "is a private key; register only the public key" });
    return;
  }
  const fault = publicKeyFault(jwk);
  if (fault !== undefined) check.addIssue({ code: "custom", message: fault });
});

/**
 * An exact URI, as RFC 9700 requires, without wildcards, a fragment or a user name. HTTP is allowed only for this
 * machine.
 */
const browserUri = z
  .string()
  .max(URI_CHARACTERS_MAX)
  .superRefine((text, check) => {
    const url = URL.parse(text);
    const isLocal = url !== null && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
    const isWeb = url?.protocol === "https:" || (url?.protocol === "http:" && isLocal);
    if (url === null || !isWeb || url.username !== "" || text.includes("#") || text.includes("*")) {
      check.addIssue({
        code: "custom",
        message: "must be an https URL without a fragment or wildcard (http is allowed for this machine)",
      });
    }
  });

/** A public JSON Web Key. */
export type PublicJwk = z.infer<typeof publicJwk>;

/** User name of the client's owner, a user of the same tenant who is responsible for it. */
const owner = z.string().max(USER_NAME_CHARACTERS_MAX).transform(canonicalUserName).optional();

const fields = {
  client_id: z.string().regex(CLIENT_ID_PATTERN, "must be 1 to 64 letters, digits, dots, dashes or underscores"),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .transform((scopes) => [...new Set(scopes)]),
  jwks: z.strictObject({ keys: z.array(publicJwk).min(1).max(CLIENT_KEYS_MAX) }).optional(),
};

const uris = z.array(browserUri).max(REDIRECT_URIS_MAX).default([]);

/** A client that an administrator adds: a machine client, or one that signs in users of the administrator's tenant. */
export const addedClient = z.strictObject({ ...fields, owner, redirect_uris: uris, signed_out_uris: uris });

/**
 * Registration of a client, with a secret, or public keys for `private_key_jwt`. A client with `redirect_uris` signs in
 * users and gets no tokens of its own. A user's tokens have the scopes that both the client and the user's roles have.
 */
export const clientRegistration = z
  .strictObject({
    ...fields,
    owner,
    tenant: z.string().regex(TENANT_PATTERN, "must be 1 to 64 letters, digits, dashes or underscores"),
    client_secret: clientSecret.optional(),
    redirect_uris: uris,
    /** Allowed redirect targets after signing out. */
    signed_out_uris: uris,
  })
  .refine((client) => (client.client_secret === undefined) !== (client.jwks === undefined), {
    message: "must have either client_secret or jwks",
  });

export type ClientRegistration = z.input<typeof clientRegistration>;

function publicKeyFault(jwk: PublicJwk): string | undefined {
  try {
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < RSA_BITS_MIN ? `is an RSA key with fewer than ${RSA_BITS_MIN} bits` : undefined;
  } catch {
    return "is not a public key in JWK form";
  }
}
