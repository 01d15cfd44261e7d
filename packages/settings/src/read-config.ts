import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import {
  connectionFaults,
  flag,
  kafkaConfig,
  optionalText,
  pairFaults,
  postgresConfig,
  redisConfig,
} from "./connection-config.js";
import type { HttpLimits } from "./http-limits.js";
import { HTTP_LIMITS_DEFAULT } from "./http-limits.js";
import { readValueFiles } from "./read-value-files.js";
import type { ServerCertificateFiles } from "./server-certificate.js";

const MIB = 1_024 * 1_024;

const port = z.coerce.number().int().min(0).max(65_535);

/**
 * Variables of every service. A variable's `meta`, here and in the services' schemas, is its row in docs/settings.md:
 * its description, the unit of a number, and `shownDefault` if the default is not a plain value.
 */
export const serviceConfig = {
  PORT: port.meta({ unit: "port", description: "HTTP port. 0: any free port." }),
  HOST: z.string().min(1).default("127.0.0.1").meta({ description: "Network address to listen on." }),
  HTTP_CERT_FILE: optionalText.meta({
    description:
      "PEM file with the certificate of the HTTP port. With it, the port accepts only TLS 1.3. A new certificate in the file takes " +
      "effect within seconds, without a restart.",
  }),
  HTTP_KEY_FILE: optionalText.meta({ description: "PEM file with the private key of that certificate." }),
  METRICS_PORT: port.optional().meta({
    unit: "port",
    description:
      "Port of `/metrics`. If it is not set, `PORT` serves the metrics, but only to callers on this machine.",
  }),
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "silent"])
    .default("info")
    .meta({ description: "Minimum severity of log lines." }),
  DRAIN_SECONDS: z.coerce.number().min(0).max(300).default(0).meta({
    unit: "s",
    description: "How long requests are still served after SIGTERM, while callers move to other instances.",
  }),
  HTTP_CONNECTIONS_MAX: z.coerce
    .number()
    .int()
    .min(10)
    .max(100_000)
    .default(HTTP_LIMITS_DEFAULT.connectionsMax)
    .meta({ unit: "connections", description: "Maximum number of open connections to the HTTP port." }),
  HTTP_CONNECTIONS_PER_ADDRESS_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(HTTP_LIMITS_DEFAULT.connectionsPerAddressMax)
    .meta({
      unit: "connections",
      description: "The same limit per network address. All callers behind a proxy share its address.",
    }),
  HTTP_REQUEST_SECONDS_MAX: z.coerce
    .number()
    .min(1)
    .max(3_600)
    .default(HTTP_LIMITS_DEFAULT.requestTimeoutMs / 1_000)
    .meta({
      unit: "s",
      description: "Maximum time from the first to the last byte of a request. The response may take longer.",
    }),
  HTTP_UNFINISHED_MIB_MAX: z.coerce
    .number()
    .int()
    .min(32)
    .max(4_096)
    .default(HTTP_LIMITS_DEFAULT.unfinishedBytesMax / MIB)
    .meta({
      unit: "MiB",
      description: "Memory limit for incomplete request bodies. Must exceed the largest body of any route.",
    }),
};

type ServiceConfig = z.infer<z.ZodObject<typeof serviceConfig>>;

/** The address and limits of a service's port, for `startService`. */
export function httpPort(config: Omit<ServiceConfig, "LOG_LEVEL" | "DRAIN_SECONDS">): {
  readonly port: number;
  readonly host: string;
  readonly metricsPort: number | undefined;
  readonly certificate?: ServerCertificateFiles;
  readonly limits: Partial<HttpLimits>;
} {
  const { HTTP_CERT_FILE: certificate, HTTP_KEY_FILE: key } = config;
  return {
    port: config.PORT,
    host: config.HOST,
    metricsPort: config.METRICS_PORT,
    ...(certificate === undefined || key === undefined
      ? {}
      : {
          certificate: {
            certificate: { variable: "HTTP_CERT_FILE", path: certificate },
            key: { variable: "HTTP_KEY_FILE", path: key },
          },
        }),
    limits: {
      connectionsMax: config.HTTP_CONNECTIONS_MAX,
      connectionsPerAddressMax: config.HTTP_CONNECTIONS_PER_ADDRESS_MAX,
      requestTimeoutMs: config.HTTP_REQUEST_SECONDS_MAX * 1_000,
      unfinishedBytesMax: config.HTTP_UNFINISHED_MIB_MAX * MIB,
    },
  };
}

export { flag, kafkaConfig, optionalText, postgresConfig, redisConfig };

export const tokenConfig = {
  AUTH_ISSUER: z.url().meta({ description: "Required `iss` of tokens." }),
  AUTH_JWKS_URL: z.url().meta({ description: "URL of the issuer's public keys." }),
  AUTH_AUDIENCE: z.string().min(1).default("urn:tripline:api").meta({ description: "Required `aud` of tokens." }),
};

export type TokenConfig = Readonly<z.infer<z.ZodObject<typeof tokenConfig>>>;

/** Variables renamed since an older release; the old name still works. */
const RENAMED = { LAKE_URL: "LAKE_DIRECTORY" } as const;

function olderNames(environment: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(RENAMED).map(([name, older]) => [name, environment[older]]));
}

/**
 * Reads a service's configuration from its environment, once. `NAME_FILE` may replace `NAME`: a file with its value.
 *
 * @returns the parsed values, frozen
 * @throws TriplineError `config-invalid` that lists all invalid variables
 */
export function readConfig<S extends z.ZodType>(
  schema: S,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<z.infer<S>> {
  const files = readValueFiles(schema, environment);
  const given: Readonly<Record<string, string | undefined>> = {
    ...olderNames(environment),
    ...environment,
    ...files.values,
  };
  const result = schema.safeParse(given);
  const combinations = [...pairFaults(given, "HTTP_CERT_FILE", "HTTP_KEY_FILE"), ...connectionFaults(schema, given)];
  if (result.success && files.faults.size + combinations.length === 0) return Object.freeze(result.data);
  const faults = (result.error?.issues ?? []).map((issue) => ({ name: String(issue.path[0] ?? ""), ...issue }));
  const sentences = faults
    .filter(({ name }) => !files.faults.has(name))
    .map(({ name, message }) => (given[name] === undefined ? `${name} is not set` : `${name}: ${message}`));
  const all = [...files.faults.values(), ...sentences, ...combinations].join("; ");
  throw new TriplineError("config-invalid", `The configuration is invalid. ${all}.`);
}
