import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { ROOT } from "../services/workspace.js";

/** Path in this repository and in the image with the commands. */
const ACCESS_FILE = join(ROOT, "infra", "access.yaml");

/** The user that grants access to the other users. The services have neither its certificate nor its password. */
export const SETUP_USER = "setup";
/** The user that collects the stores' metrics and has no access to their data. */
export const COLLECTOR_USER = "collector";
/** Owns the catalog of the Iceberg tables. An installation without its password does not publish the lake. */
export const CATALOG_ROLE = "iceberg";
/** The user that the commands run as. */
export const OPERATOR_USER = "operator";

const patterns = z.array(z.string().regex(/^[A-Za-z0-9_:*-]+$/, "must be a key pattern"));
const commands = z.array(z.string().regex(/^[a-z]+$/, "must be a command"));

const rules = z.object({
  topics: z.record(z.string(), z.object({ writers: z.array(z.string()), readers: z.array(z.string()) })),
  services: z.record(z.string(), z.object({ cache: z.boolean(), database: z.boolean() })),
  cache_rights: z.record(
    z.string(),
    z.strictObject({
      keys: patterns,
      reads: patterns,
      channels: patterns,
      commands,
    }),
  ),
  lag_watchers: z.array(z.string()),
  operator: z.strictObject({ topics_read: z.array(z.string()), groups: z.array(z.string()) }),
});

/** The access rules of infra/access.yaml, which apply to all clouds. */
export type AccessRules = z.infer<typeof rules>;

/** @throws Error if a service has a cache but no rules for it, or vice versa */
export function readAccessRules(file = ACCESS_FILE): AccessRules {
  const read = rules.parse(parse(readFileSync(file, "utf8")));
  for (const [service, { cache }] of Object.entries(read.services)) {
    if (cache !== service in read.cache_rights) {
      throw new Error(`${file}: services.${service}.cache is ${cache}, which is inconsistent with cache_rights.`);
    }
  }
  return read;
}
