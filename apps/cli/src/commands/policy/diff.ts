import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { describePolicyChanges } from "../../policy/describe-policy-changes.js";
import { readPolicyFile } from "./check.js";
import type { PolicyFlags } from "./control-options.js";
import { openPolicy, parseRevision, policyCommandOf } from "./control-options.js";
import { revisionInForce } from "./pull.js";

interface DiffFlags extends PolicyFlags {
  readonly revision?: number;
}

/** `tripline policy diff`: shows the changes that a file would make. */
export function diffCommand(output: CommandOutput): Command {
  return policyCommandOf("diff", "compare a policy file with a revision, rule by rule")
    .argument("<file>", "for example apps/decisions/policy.yaml")
    .option("--revision <number>", "the revision (default: the active one)", parseRevision)
    .addHelpText("after", "\nExit code 1 if they differ.")
    .action(async (file: string, flags: DiffFlags) => {
      const policies = await openPolicy(flags, "operator");
      const { text, revision } = await policies.revision(flags.revision ?? (await revisionInForce(policies)));
      const changes = describePolicyChanges(text, await readPolicyFile(file));
      for (const change of changes) output.write(`${change}\n`);
      if (changes.length === 0) output.write(`${file} is identical to revision ${revision}.\n`);
      process.exitCode = changes.length === 0 ? 0 : 1;
    });
}
