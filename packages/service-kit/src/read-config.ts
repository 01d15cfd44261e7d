import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { connectionFaults, flag, kafkaConfig, optionalText, redisConfig } from "./connection-config.js";
import type { HttpLimits } from "./http/http-limits.js";
import { HTTP_LIMITS_DEFAULT } from "./http/http-limits.js";
import { readValueFiles } from "./read-value-files.js";

const MIB = 1_024 * 1_024;

const port = z.coerce.number().int().min(0).max(65_535);

/** What every service is told by its environment. `PORT` 0 takes any free port. */
export const serviceConfig = {
  PORT: port,
  HOST: z.string().min(1).default("127.0.0.1"),
  /** Serves `/metrics`, which `PORT` then does not. Without it `PORT` does, to callers of this machine alone. */
  METRICS_PORT: port.optional(),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  /** After SIGTERM: how long requests are still answered while those who send them turn to other instances. */
  DRAIN_SECONDS: z.coerce.number().min(0).max(300).default(0),
  /** Connections to the HTTP port at a time, in all and of one network address, which a proxy is for all behind it. */
  HTTP_CONNECTIONS_MAX: z.coerce.number().int().min(10).max(100_000).default(HTTP_LIMITS_DEFAULT.connectionsMax),
  HTTP_CONNECTIONS_PER_ADDRESS_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(HTTP_LIMITS_DEFAULT.connectionsPerAddressMax),
  /** From the first byte of a request to its last; its answer may take longer. */
  HTTP_REQUEST_SECONDS_MAX: z.coerce
    .number()
    .min(1)
    .max(3_600)
    .default(HTTP_LIMITS_DEFAULT.requestTimeoutMs / 1_000),
  /** Bodies that have begun to arrive and are not complete, all together. More than the largest body of any route. */
  HTTP_UNFINISHED_MIB_MAX: z.coerce
    .number()
    .int()
    .min(32)
    .max(4_096)
    .default(HTTP_LIMITS_DEFAULT.unfinishedBytesMax / MIB),
};

type ServiceConfig = z.infer<z.ZodObject<typeof serviceConfig>>;

/** Where and within which limits a service listens, for `startService`. */
export function httpPort(config: Omit<ServiceConfig, "LOG_LEVEL" | "DRAIN_SECONDS">): {
  readonly port: number;
  readonly host: string;
  readonly metricsPort: number | undefined;
  readonly limits: Partial<HttpLimits>;
} {
  return {
    port: config.PORT,
    host: config.HOST,
    metricsPort: config.METRICS_PORT,
    limits: {
      connectionsMax: config.HTTP_CONNECTIONS_MAX,
      connectionsPerAddressMax: config.HTTP_CONNECTIONS_PER_ADDRESS_MAX,
      requestTimeoutMs: config.HTTP_REQUEST_SECONDS_MAX * 1_000,
      unfinishedBytesMax: config.HTTP_UNFINISHED_MIB_MAX * MIB,
    },
  };
}

export { flag, kafkaConfig, optionalText, redisConfig };

export const tokenConfig = {
  AUTH_ISSUER: z.url(),
  AUTH_JWKS_URL: z.url(),
  AUTH_AUDIENCE: z.string().min(1).default("urn:tripline:api"),
};

/**
 * Reads the configuration of a service from its environment, once. `NAME_FILE` may stand for `NAME`: a file with its value.
 *
 * @returns the parsed values, frozen
 * @throws TriplineError `config-invalid` that names every wrong variable at once
 */
export function readConfig<S extends z.ZodType>(
  schema: S,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<z.infer<S>> {
  const files = readValueFiles(schema, environment);
  const given = { ...environment, ...files.values };
  const result = schema.safeParse(given);
  const combinations = connectionFaults(schema, given);
  if (result.success && files.faults.size + combinations.length === 0) return Object.freeze(result.data);
  const faults = (result.error?.issues ?? []).map((issue) => ({ name: String(issue.path[0] ?? ""), ...issue }));
  const sentences = faults
    .filter(({ name }) => !files.faults.has(name))
    .map(({ name, message }) => (given[name] === undefined ? `${name} is not set` : `${name}: ${message}`));
  const all = [...files.faults.values(), ...sentences, ...combinations].join("; ");
  throw new TriplineError("config-invalid", `The configuration is not valid. ${all}.`);
}
