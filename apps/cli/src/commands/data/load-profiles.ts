import { loadProfiles } from "@tripline/backfill/profiles/load-profiles";
import { DEMO_WORKSPACE, readLocalSystem, trustAuthorityOf } from "@tripline/system/services/local-system";
import { Command } from "commander";
import { parseTime } from "./backfill.js";

interface LoadProfilesFlags {
  readonly profiles: string;
  readonly redis?: string;
  readonly until?: number;
  readonly project: string;
  readonly workspace: string;
}

/** `tripline load-profiles`: profile tables into Redis, in Feast's layout. */
export function loadProfilesCommand(): Command {
  return new Command("load-profiles")
    .description("bring the profiles that `tripline backfill --profiles` wrote online, as `feast materialize` does")
    .requiredOption("--profiles <folder>", "the tables: card_profile.parquet and terminal_profile.parquet")
    .option("--redis <url>", "where the features service keeps its state, for instance redis://127.0.0.1:6379")
    .option("--until <time>", "leave out what was not known at this time (ISO 8601); now unless given", parseTime)
    .option("--project <name>", "Feast's project, as the features service has it in FEAST_PROJECT", "tripline")
    .option("--workspace <name>", "without --redis: the system that runs here", DEMO_WORKSPACE)
    .action(async ({ profiles: folder, redis, until, project, workspace }: LoadProfilesFlags) => {
      const redisUrl = redis ?? localRedis(workspace);
      const { rows } = await loadProfiles({ folder, redisUrl, untilMs: until ?? Date.now(), project });
      process.stdout.write(`${rows} profiles loaded\n`);
    });
}

function localRedis(workspace: string): string {
  const local = readLocalSystem(workspace);
  trustAuthorityOf(local);
  return local.redisUrl;
}
