import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import type { PolicyFlags } from "./control-options.js";
import { NONE, noteOption, openPolicy, parseActivated, policyCommandOf } from "./control-options.js";

interface ApproveFlags extends PolicyFlags {
  readonly unwatched?: true;
  readonly note: string;
}

/** `tripline policy approve`: approves another user's revision, or one that was rolled back, for activation. */
export function approveCommand(output: CommandOutput): Command {
  return policyCommandOf("approve", "approve a revision that another user wrote")
    .argument("<revision>", `its number, or ${NONE} to approve removing the policy`)
    .option("--unwatched", "approve activation without the guard, valid for 24 hours")
    .addOption(noteOption("what you reviewed"))
    .action(async (text: string, flags: ApproveFlags) => {
      const policies = await openPolicy(flags, "approver");
      const revision = parseActivated(text);
      await policies.approve(revision, flags.note, flags.unwatched);
      const what = revision === null ? "the removal of the policy" : `revision ${revision}`;
      output.write(`${what} approved${flags.unwatched === true ? " without the guard, for 24 hours" : ""}\n`);
    });
}
