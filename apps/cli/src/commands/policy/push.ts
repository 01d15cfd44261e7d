import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { readPolicyFile } from "./check.js";
import type { PolicyFlags } from "./control-options.js";
import { noteOption, openPolicy, policyCommandOf } from "./control-options.js";

/** `tripline policy push`: creates a revision from a file, without activating it. */
export function pushCommand(output: CommandOutput): Command {
  return policyCommandOf("push", "store a policy file as a new revision, without activating it")
    .argument("<file>", "for example apps/decisions/policy.yaml")
    .addOption(noteOption("what the revision changes and why"))
    .action(async (file: string, flags: PolicyFlags & { readonly note: string }) => {
      const policies = await openPolicy(flags, "operator");
      const { revision, version, author } = await policies.push(await readPolicyFile(file), flags.note);
      output.write(`revision ${revision} (${version}) by ${author}\n`);
    });
}
