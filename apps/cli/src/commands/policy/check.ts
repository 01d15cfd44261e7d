import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { idleRuleWarnings } from "@tripline/decision-engine/find-idle-rules";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { runExamples } from "@tripline/decision-engine/run-examples";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";

/** `tripline policy check`: finds errors in a policy file. Needs no running system. */
export function checkCommand(output: CommandOutput): Command {
  return new Command("check")
    .description("check the types of all expressions in a policy file and run its examples")
    .argument("<file>", "for example apps/decisions/policy.yaml")
    .addHelpText("after", "\nExit code 1 if an example fails.")
    .action(async (file: string) => {
      const spec = currentFeatureSpec();
      const policy = parsePolicy(await readPolicyFile(file), spec, basename(file));
      const { faults, unproven, count } = runExamples(policy, spec);
      for (const fault of faults) output.write(`${fault}\n`);
      if (unproven.length > 0) output.write(`Rules without an example that fires: ${unproven.join(", ")}.\n`);
      for (const warning of idleRuleWarnings(policy, spec)) output.write(`${warning}\n`);
      const { rules, bands, budgets, version } = policy;
      output.write(
        `policy: version=${version} rules=${rules.length} bands=${bands.length} budgets=${budgets.length} examples=${count} failed=${faults.length}\n`,
      );
      process.exitCode = faults.length === 0 ? 0 : 1;
    });
}

/** @throws Error in one sentence */
export async function readPolicyFile(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`${file} cannot be read (${cause.code}).`, { cause });
  });
}
