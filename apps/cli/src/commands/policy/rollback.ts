import type { PolicyClient } from "@tripline/system/client/policy-client";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { activate } from "./activate.js";
import type { PolicyFlags } from "./control-options.js";
import { noteOption, openPolicy, parseRevision, policyCommandOf } from "./control-options.js";

interface RollbackFlags extends PolicyFlags {
  readonly to?: number;
  readonly note: string;
}

/** `tripline policy rollback`: reactivates the newest policy that was not rolled back. Needs no approval. */
export function rollbackCommand(output: CommandOutput): Command {
  return policyCommandOf("rollback", "go back to the newest active revision that was not rolled back")
    .option(
      "--to <revision>",
      "activate this revision instead; the guard monitors an older revision, which may need approval",
      parseRevision,
    )
    .addOption(noteOption("why"))
    .action(async (flags: RollbackFlags) => {
      const policies = await openPolicy(flags, "operator");
      const revision = flags.to ?? (await returnTarget(policies));
      output.write(await activate(policies, revision, flags.note === "" ? "rollback" : flags.note));
    });
}

async function returnTarget(policies: PolicyClient): Promise<number | null> {
  const { return_to: target } = await policies.status();
  if (target === undefined)
    throw new Error("This version of control does not support rollback without --to. Update control, or specify --to.");
  if (target === null) throw new Error("There is no earlier policy to go back to.");
  return target.revision;
}
