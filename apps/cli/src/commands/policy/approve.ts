import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import type { PolicyFlags } from "./control-options.js";
import { noteOption, openPolicy, parseRevision, policyCommandOf } from "./control-options.js";

/** `tripline policy approve`: what somebody else wrote may be activated. */
export function approveCommand(output: CommandOutput): Command {
  return policyCommandOf("approve", "approve a revision that somebody else wrote")
    .argument("<revision>", "its number", parseRevision)
    .addOption(noteOption("what was looked at"))
    .action(async (revision: number, flags: PolicyFlags & { readonly note: string }) => {
      const policies = await openPolicy(flags, "approver");
      await policies.approve(revision, flags.note);
      output.write(`revision ${revision} is approved\n`);
    });
}
