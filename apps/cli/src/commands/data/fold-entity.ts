import { foldEntity, planFolds } from "@tripline/backfill/compare/fold-entity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Command, Option } from "commander";

interface FoldEntityFlags {
  readonly plan?: true;
  readonly entity?: string;
  readonly judge?: true;
  readonly tenant: string;
}

/** `tripline fold-entity`: the engine in a pipe, for programs that spread a backfill over machines. */
export function foldEntityCommand(): Command {
  return new Command("fold-entity")
    .description("compute one entity's features of sorted events from stdin, for backfills with Spark")
    .addOption(new Option("--plan", "print the entities with their keys and features as JSON").conflicts("entity"))
    .option("--entity <name>", "which entity's features")
    .option("--judge", "answer labels instead: 1 where the entity explains the fraud, which others' labels then carry")
    .option("--tenant <name>", "whose payments these are", "demo")
    .action(async function (this: Command, { plan, entity, judge, tenant }: FoldEntityFlags) {
      const spec = currentFeatureSpec();
      if (plan === true) process.stdout.write(`${JSON.stringify(planFolds(spec))}\n`);
      else if (entity === undefined) this.error("one of --plan and --entity is needed");
      else {
        const input = process.stdin.setEncoding("utf8");
        await foldEntity({ spec, entity, tenant, judging: judge === true, input, output: process.stdout });
      }
    });
}
