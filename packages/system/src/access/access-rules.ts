import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

const patterns = z.array(z.string().regex(/^[A-Za-z0-9:*-]+$/, "must be a pattern of keys"));
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
});

/** Who may do what, as infra/access.yaml has it for all clouds. */
export type AccessRules = z.infer<typeof rules>;

/** @throws Error where a service has a cache and no rights there, or the other way round */
export function readAccessRules(file: string | URL): AccessRules {
  const read = rules.parse(parse(readFileSync(file, "utf8")));
  for (const [service, { cache }] of Object.entries(read.services)) {
    if (cache !== service in read.cache_rights) {
      throw new Error(`${file}: services.${service}.cache is ${cache}, which does not go with cache_rights.`);
    }
  }
  return read;
}
