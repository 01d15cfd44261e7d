import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";

const port = z.coerce.number().int().min(0).max(65_535);

/** What every service is told by its environment. `PORT` 0 takes any free port. */
export const serviceConfig = {
  PORT: port,
  HOST: z.string().min(1).default("127.0.0.1"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
};

export const kafkaConfig = {
  KAFKA_BROKERS: z
    .string()
    .transform((text) => text.split(",").map((broker) => broker.trim()))
    .pipe(z.array(z.string().regex(/^[^\s:]+:\d+$/, "must be host:port, several parted by commas")).min(1)),
  /** Put before every topic and group name, so that several installations can share a cluster. */
  KAFKA_TOPIC_PREFIX: z
    .string()
    .regex(/^[a-zA-Z0-9._-]*$/)
    .default(""),
};

export const redisConfig = {
  REDIS_URL: z.string().regex(/^rediss?:\/\//, "must start with redis:// or rediss://"),
};

export const tokenConfig = {
  AUTH_ISSUER: z.url(),
  AUTH_JWKS_URL: z.url(),
  AUTH_AUDIENCE: z.string().min(1).default("urn:tripline:api"),
};

/**
 * Reads the configuration of a service from its environment, once.
 *
 * @returns the parsed values, frozen
 * @throws TriplineError `config-invalid` that names every wrong variable at once
 */
export function readConfig<S extends z.ZodType>(
  schema: S,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<z.infer<S>> {
  const result = schema.safeParse(environment);
  if (result.success) return Object.freeze(result.data);
  const faults = result.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? "");
    const missing = environment[name] === undefined;
    return missing ? `${name} is not set` : `${name}: ${issue.message}`;
  });
  throw new TriplineError("config-invalid", `The configuration is not valid. ${faults.join("; ")}.`);
}
