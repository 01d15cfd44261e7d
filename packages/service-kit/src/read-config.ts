import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { connectionFaults, flag, kafkaConfig, optionalText, redisConfig } from "./connection-config.js";
import { readValueFiles } from "./read-value-files.js";

const port = z.coerce.number().int().min(0).max(65_535);

/** What every service is told by its environment. `PORT` 0 takes any free port. */
export const serviceConfig = {
  PORT: port,
  HOST: z.string().min(1).default("127.0.0.1"),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  /** After SIGTERM: how long requests are still answered while those who send them turn to other instances. */
  DRAIN_SECONDS: z.coerce.number().min(0).max(300).default(0),
};

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
