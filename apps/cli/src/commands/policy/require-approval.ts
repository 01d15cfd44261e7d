import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { Argument } from "commander";
import type { PolicyFlags } from "./control-options.js";
import { openPolicy, policyCommandOf } from "./control-options.js";

/** `tripline policy require-approval`: whether a second person has to look at a revision before it decides. */
export function requireApprovalCommand(output: CommandOutput): Command {
  return policyCommandOf(
    "require-approval",
    "say whether another person has to approve a revision before it is activated",
  )
    .addArgument(new Argument("<needed>").choices(["yes", "no"]))
    .action(async (needed: string, flags: PolicyFlags) => {
      const policies = await openPolicy(flags, "approver");
      await policies.requireApproval(needed === "yes");
      output.write(`approval by another person ${needed === "yes" ? "is" : "is not"} needed\n`);
    });
}
