import { postgresConfig } from "@tripline/service-kit/connection-config";
import { serviceConfig } from "@tripline/service-kit/read-config";
import { z } from "zod";
import { clientRegistration } from "./client-registration.js";

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

/** JSON in a variable. The values are secrets, so a message may name a field but never show what stands in it. */
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

/** Alone for the program that only brings the schema up to date. */
export const databaseConfig = z.object(postgresConfig);

export const authConfig = z.object({
  ...serviceConfig,
  ...databaseConfig.shape,
  /** Origin under which the clients reach this service, and `iss` of every token. */
  AUTH_ISSUER: issuer,
  /** `aud` of every token: an absolute URI that names Tripline's API (RFC 8707). */
  AUTH_AUDIENCE: z.url().default("urn:tripline:api"),
  TOKEN_TTL_SECONDS: z.coerce.number().int().min(1).max(3_600).default(TOKEN_TTL_SECONDS_DEFAULT),
  /** Seals the signing keys in the database: 32 bytes in base64, for instance from `openssl rand -base64 32`. */
  KEY_ENCRYPTION_KEY: keyEncryptionKey,
  /** Clients that are registered or updated at every start: for the demo and for first steps, not for production. */
  BOOTSTRAP_CLIENTS: bootstrapClients,
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
