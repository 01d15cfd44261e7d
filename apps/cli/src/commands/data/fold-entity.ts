import { foldEntity, planFolds } from "@tripline/backfill/compare/fold-entity";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Command, Option } from "commander";

interface FoldEntityFlags {
  readonly plan?: true;
  readonly entity?: string;
  readonly judge?: true;
  readonly find?: true;
  readonly tenant: string;
}

/** `tripline fold-entity`: the feature engine as a pipe, for programs that distribute a backfill across machines. */
export function foldEntityCommand(): Command {
  return new Command("fold-entity")
    .description("compute one entity's features from sorted events on standard input, for backfills with Spark")
    .addOption(new Option("--plan", "print the entities with their keys and features as JSON").conflicts("entity"))
    .option("--entity <name>", "the entity")
    .option("--judge", "write labels instead: 1 if the entity explains the fraud")
    .addOption(new Option("--find", "write labels instead: 1 if the card remembers the payment").conflicts("judge"))
    .option("--tenant <name>", "the tenant of the payments", "demo")
    .action(async function (this: Command, { plan, entity, judge, find, tenant }: FoldEntityFlags) {
      const spec = currentFeatureSpec();
      if (plan === true) process.stdout.write(`${JSON.stringify(planFolds(spec))}\n`);
      else if (entity === undefined) this.error("specify --plan or --entity");
      else {
        const input = process.stdin.setEncoding("utf8");
        const asked =
          judge === true ? { answers: "explained" as const } : find === true ? { answers: "found" as const } : {};
        await foldEntity({ spec, entity, tenant, ...asked, input, output: process.stdout });
      }
    });
}
