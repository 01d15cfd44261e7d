import type { PolicyActivationRow, PolicyClient } from "@tripline/system/client/policy-client";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { activate } from "./activate.js";
import type { PolicyFlags } from "./control-options.js";
import { noteOption, openPolicy, parseRevision, policyCommandOf } from "./control-options.js";

interface RollbackFlags extends PolicyFlags {
  readonly to?: number;
  readonly note: string;
}

/** `tripline policy rollback`: a revision that was in force before decides again. It needs no new approval. */
export function rollbackCommand(output: CommandOutput): Command {
  return policyCommandOf("rollback", "go back to the revision that was in force before")
    .option("--to <revision>", "to this one", parseRevision)
    .addOption(noteOption("why"))
    .action(async (flags: RollbackFlags) => {
      const policies = await openPolicy(flags, "operator");
      const revision = flags.to ?? (await revisionBefore(policies));
      output.write(await activate(policies, revision, flags.note === "" ? "rollback" : flags.note));
    });
}

async function revisionBefore(policies: PolicyClient): Promise<number | null> {
  const [activations, { in_force }] = [await policies.activations(), await policies.status()];
  if (in_force === null) throw new Error("No revision is in force, so there is none to go back from.");
  return inForceBefore(activations, in_force)?.revision ?? null;
}

/**
 * The activation of another revision that held last before this one; of none where the tenant had no policy of its own. One that was
 * replaced before its time never held.
 *
 * @param activations the newest first
 */
export function inForceBefore(
  activations: readonly PolicyActivationRow[],
  now: PolicyActivationRow,
): PolicyActivationRow | undefined {
  return activations.find(
    ({ activation, activates_at, revision }) =>
      activation < now.activation &&
      revision !== now.revision &&
      !activations.some((later) => later.activation > activation && later.created_at < activates_at),
  );
}
