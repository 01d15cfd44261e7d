import { writeHistory } from "@tripline/backfill/input/write-history";
import { livePayments } from "@tripline/simulator/consequences/consequences";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { Command, Option } from "commander";
import { wholeNumber } from "../number-options.js";

interface SimulateFlags {
  readonly seed: number;
  readonly cards: number;
  readonly terminals: number;
  readonly days: number;
  readonly world: (typeof WORLDS)[number];
}

/** `consequences`: decisions have consequences, and only reported frauds have a label. */
const WORLDS = ["standard", "consequences"] as const;

const DAY_MS = 86_400_000;

/** `tripline simulate <file>`: writes a history of payments with known ground truth. */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description("write a simulated history of payments as Parquet")
    .argument("<file>", "output file")
    .option("--seed <number>", "seed; the same seed produces the same history", wholeNumber, 1)
    .option("--cards <number>", "number of cards", wholeNumber, 2_000)
    .option("--terminals <number>", "number of terminals", wholeNumber, 2_000)
    .option("--days <number>", "number of days, ending yesterday", wholeNumber, 60)
    .addOption(
      new Option("--world <name>", "simulate consequences: cards get blocked, and only reported frauds have a label")
        .choices([...WORLDS])
        .default("standard" as const),
    )
    .action(async (path: string, flags: SimulateFlags) => {
      const untilMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
      const secrets = demoSecrets(workspaceIn(`${STATE_DIRECTORY}/demo`).secrets);
      const { seed, cards, terminals, days, world } = flags;
      const simulation = { seed, cards, terminals, startMs: untilMs - days * DAY_MS };
      const rows = await writeHistory({
        simulation,
        ...(world === "consequences" ? { payments: livePayments(simulation) } : {}),
        untilMs,
        tenant: DEMO_TENANT,
        cardTokenKey: Buffer.from(secrets.cardTokenKey, "base64"),
        path,
      });
      process.stdout.write(`${rows} payments of ${cards} cards written to ${path}\n`);
    });
}
