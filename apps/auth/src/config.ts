import { postgresConfig } from "@tripline/service-kit/config/connection-config";
import { serviceConfig } from "@tripline/service-kit/config/read-config";
import { z } from "zod";
import { clientRegistration } from "./clients/client-registration.js";

const KEY_BYTES = 32;
const TOKEN_TTL_SECONDS_DEFAULT = 300;
const BOOTSTRAP_CLIENTS_MAX = 100;

const issuer = z.url({ protocol: /^https?$/ }).refine((text) => URL.parse(text)?.origin === text, {
  message: "must be scheme, host and port alone, without a path or a slash at the end",
});

const keyEncryptionKey = z
  .string()
  .transform((text) => Buffer.from(text, "base64"))
  .refine((key) => key.length === KEY_BYTES, {
    error: ({ input }) =>
      `has ${(input as Buffer).length} bytes; must be ${KEY_BYTES} random bytes in base64, for instance from openssl rand -base64 ${KEY_BYTES}`,
  });

/** JSON in a variable. The values are secrets, so a message may name a field but never show its value. */
const bootstrapClients = z
  .string()
  .default("[]")
  .transform((text, check) => {
    const parsed = z.array(clientRegistration).max(BOOTSTRAP_CLIENTS_MAX).safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const place = issue.path.join(".");
      check.addIssue({ code: "custom", message: place === "" ? issue.message : `${place} ${issue.message}` });
    }
    return z.NEVER;
  });

/** Separate for the program that only updates the schema. */
export const databaseConfig = z.object(postgresConfig);

export const authConfig = z.object({
  ...serviceConfig,
  ...databaseConfig.shape,
  AUTH_ISSUER: issuer.meta({
    description: "Scheme, host and port under which clients reach this service, and `iss` of every token.",
  }),
  AUTH_AUDIENCE: z
    .url()
    .default("urn:tripline:api")
    .meta({ description: "`aud` of every token: an absolute URI that names Tripline's API (RFC 8707)." }),
  TOKEN_TTL_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3_600)
    .default(TOKEN_TTL_SECONDS_DEFAULT)
    .meta({ unit: "s", description: "How long a token is valid." }),
  KEY_ENCRYPTION_KEY: keyEncryptionKey.meta({
    description:
      "Encrypts the signing keys in the database: 32 random bytes in base64 (`openssl rand -base64 32`). auth does not start " +
      "with a key other than the one they were stored under.",
  }),
  BOOTSTRAP_CLIENTS: bootstrapClients.meta({
    description:
      "JSON array of clients to register or update at every start: `client_id`, `tenant`, `client_secret` (24 characters or " +
      "more) or `jwks`, `scopes`. For the demo and first steps, not for production. A disabled client stays disabled.",
  }),
});

export type AuthConfig = Readonly<z.infer<typeof authConfig>>;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The engine's own message would quote the text, and with it a secret.
    return undefined;
  }
}
