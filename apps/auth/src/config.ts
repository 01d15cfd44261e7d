import { isNetwork } from "@tripline/http/client-address";
import { allowedNetworks } from "@tripline/http/egress/networks";
import { kafkaConfig, postgresConfig } from "@tripline/settings/connection-config";
import { serviceConfig } from "@tripline/settings/read-config";
import { z } from "zod";
import { clientRegistration, clientSecret } from "./clients/client-registration.js";
import { personRegistration } from "./people/person-registration.js";

const KEY_BYTES = 32;
const TOKEN_TTL_SECONDS_DEFAULT = 300;
const TOKEN_TTL_SECONDS_MAX = 600;
/** One working day. */
const SIGN_IN_HOURS_DEFAULT = 12;
const BOOTSTRAP_ROWS_MAX = 100;

const origin = z.url({ protocol: /^https?$/ }).refine((text) => URL.parse(text)?.origin === text, {
  message: "must be scheme, host and port, without a path or trailing slash",
});

export const keyEncryptionKey = z
  .string()
  .transform((text) => Buffer.from(text, "base64"))
  .refine((key) => key.length === KEY_BYTES, {
    error: ({ input }) =>
      `has ${(input as Buffer).length} bytes; must be ${KEY_BYTES} random bytes in base64, for example from openssl rand -base64 ${KEY_BYTES}`,
  });

/** Parses a list in JSON. Its values are secrets, so messages name fields but never show values. */
function bootstrapList<S extends z.ZodType>(registration: S) {
  return z
    .string()
    .default("[]")
    .transform((text, check): z.output<S>[] => {
      const parsed = z.array(registration).max(BOOTSTRAP_ROWS_MAX).safeParse(parseJson(text));
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues) {
        const place = issue.path.join(".");
        check.addIssue({ code: "custom", message: place === "" ? issue.message : `${place} ${issue.message}` });
      }
      return z.NEVER;
    });
}

/** A separate schema, for programs that only need the database. */
export const databaseConfig = z.object(postgresConfig);

export const authConfig = z.object({
  ...serviceConfig,
  ...databaseConfig.shape,
  ...kafkaConfig,
  AUTH_ISSUER: origin.meta({
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
    .max(TOKEN_TTL_SECONDS_MAX)
    .default(TOKEN_TTL_SECONDS_DEFAULT)
    .meta({ unit: "s", description: "How long a token is valid: 10 minutes at most." }),
  KEY_ENCRYPTION_KEY: keyEncryptionKey.meta({
    description:
      "Encrypts the signing keys in the database: 32 random bytes in base64 (`openssl rand -base64 32`). auth starts only with " +
      "the key with which they were encrypted.",
  }),
  BOOTSTRAP_CLIENTS: bootstrapList(clientRegistration).meta({
    description:
      "JSON array of clients to register or update at every start: `client_id`, `tenant`, `client_secret` (24 characters or " +
      "more) or `jwks`, `scopes`; optionally `owner`, the user name of the responsible user; for a client that signs users in, " +
      "also `redirect_uris` and `signed_out_uris`. For the demo and first steps, not for production. A disabled client stays " +
      "disabled.",
  }),
  BOOTSTRAP_PEOPLE: bootstrapList(personRegistration).meta({
    description:
      "JSON array of users to add at startup if they do not exist: `user_name`, `name`, `tenant`, `roles` (`viewer`, " +
      "`analyst`, `lead`, `admin`), `password` (15 characters or more). For the demo and first steps, not for production.",
  }),
  CONSOLE_URL: origin.optional().meta({
    description:
      "Scheme, host and port under which browsers reach the console. If `CONSOLE_CLIENT_SECRET` is also set, auth registers the " +
      "`tripline-console` client at every start. Users sign in to the console with this client.",
  }),
  CONSOLE_CLIENT_SECRET: clientSecret
    .optional()
    .meta({ description: "Secret of the `tripline-console` client, 24 characters or more." }),
  TRUSTED_PROXIES: z
    .string()
    .default("")
    .transform((text) =>
      text
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== ""),
    )
    .refine((networks) => networks.every(isNetwork), "must be addresses or CIDR blocks, comma-separated")
    .meta({
      description:
        "Addresses or CIDR blocks of the proxies in front of this service, comma-separated, for example `10.0.0.0/8`. Only their " +
        "`X-Forwarded-For` is trusted, so that failed sign-ins count for the client's address. If empty, they count for the " +
        "connection's address.",
    }),
  PROVIDER_ALLOWED_NETWORKS: allowedNetworks.meta({
    description:
      "Non-public networks in which tenants may have their identity providers, comma-separated, such as `10.20.0.0/16`. " +
      "Providers in these networks may use plain HTTP. If empty, only public addresses over HTTPS are allowed.",
  }),
  SECOND_FACTOR: z
    .enum(["optional", "required"])
    .default("optional")
    .meta({
      description:
        "`required`: all users need a code from an authenticator app in addition to the password, and set it up at the next " +
        "sign-in. `optional`: only users who have set one up at `/account/second-factor` need it.",
    }),
  SIGN_IN_HOURS: z.coerce
    .number()
    .int()
    .min(1)
    .max(720)
    .default(SIGN_IN_HOURS_DEFAULT)
    .meta({ unit: "h", description: "How long a user stays signed in before the password is required again." }),
});

/** Injects the service's configuration. */
export const AUTH_CONFIG = Symbol("AUTH_CONFIG");

export type AuthConfig = Readonly<z.infer<typeof authConfig>>;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The engine's message would quote the text, which contains secrets.
    return undefined;
  }
}
