import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { currentFeatureSpec, parseFeatureSpec } from "@tripline/contracts/feature-spec";
import { idleRuleWarnings } from "@tripline/decision-engine/find-idle-rules";
import { formatShare, formatValue } from "@tripline/decision-engine/format-value";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";
import { runExamples } from "@tripline/decision-engine/run-examples";
import { unreadFault, unreadFeatures } from "@tripline/decision-engine/unread-features";
import type { CommandOutput } from "@tripline/system/command-output";
import { Command, Option } from "commander";

/** `tripline policy check`: finds errors in a policy file. Needs no running system. */
export function checkCommand(output: CommandOutput): Command {
  return new Command("check")
    .description("check the types of all expressions in a policy file and run its examples")
    .argument("<file>", "for example apps/decisions/policy.yaml")
    .addOption(
      new Option("--profiles <names>", "comma-separated profiles; the policy may read only these").env(
        "FEAST_PROFILES",
      ),
    )
    .option("--feature-spec <file>", "the features that the policy may read (default: those of this release)")
    .addHelpText("after", "\nExit code 1 if an example fails or the policy reads another profile.")
    .action(async (file: string, { profiles, featureSpec }: { profiles?: string; featureSpec?: string }) => {
      const spec = featureSpec === undefined ? currentFeatureSpec() : await readSpec(featureSpec);
      const policy = parsePolicy(await readPolicyFile(file), spec, basename(file));
      const { faults, unproven, count } = runExamples(policy, spec);
      const used = policy.readFeatures.map(({ name }) => name);
      const read = (profiles ?? "").split(",").map((name) => name.trim());
      const unread = unreadFault(used, unreadFeatures(spec, read));
      for (const fault of faults) output.write(`${fault}\n`);
      if (unread !== undefined) output.write(`The policy ${profiles === undefined ? needs(used, spec) : unread}.\n`);
      if (unproven.length > 0) output.write(`Rules that fire for no example: ${unproven.join(", ")}.\n`);
      for (const warning of idleRuleWarnings(policy, spec)) output.write(`${warning}\n`);
      for (const line of explorationLines(policy)) output.write(`${line}\n`);
      const { rules, bands, budgets, version } = policy;
      output.write(
        `policy: version=${version} rules=${rules.length} bands=${bands.length} budgets=${budgets.length} examples=${count} failed=${faults.length}\n`,
      );
      process.exitCode = faults.length === 0 && (unread === undefined || profiles === undefined) ? 0 : 1;
    });
}

/** The maximum cost of exploration; a backtest estimates the expected cost. */
function explorationLines({ exploration }: Policy): string[] {
  if (exploration === undefined) return [];
  return exploration.limits.map(({ currency, amountMinorMax, dailyLossMinorMax }) => {
    const [amount, loss] = [amountMinorMax, dailyLossMinorMax].map((minor) =>
      formatValue(minor, "minor_amount", currency),
    );
    return `Exploration approves ${formatShare(exploration.share)} of the declines up to ${amount}, at most ${loss} per tenant and day. All of it may be lost to fraud.`;
  });
}

/** The note for a check without `--profiles`, which does not know the profiles that the system reads. */
function needs(used: readonly string[], { features }: FeatureSpec): string {
  const own = features.flatMap((feature) =>
    feature.kind === "profile" && used.includes(feature.name) ? [feature] : [],
  );
  const profiles = new Set(own.map(({ entity }) => entity));
  const names = own.map(({ name }) => name);
  return `uses ${names.join(", ")}, so FEAST_PROFILES must contain ${[...profiles].join(" and ")}`;
}

async function readSpec(file: string): Promise<FeatureSpec> {
  return parseFeatureSpec(await readPolicyFile(file), basename(file));
}

/** @throws Error in one sentence */
export async function readPolicyFile(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`${file} cannot be read (${cause.code}).`, { cause });
  });
}
