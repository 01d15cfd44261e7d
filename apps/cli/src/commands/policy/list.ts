import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { table } from "../../models/table.js";
import type { PolicyFlags } from "./control-options.js";
import { openPolicy, policyCommandOf } from "./control-options.js";

/** `tripline policy list`: lists revisions, and shows the active one. */
export function listCommand(output: CommandOutput): Command {
  return policyCommandOf("list", "list revisions with their authors and activations, and the active one").action(
    async (flags: PolicyFlags) => {
      const policies = await openPolicy(flags, "operator");
      const [revisions, activations, status] = [
        await policies.revisions(),
        await policies.activations(),
        await policies.status(),
      ];
      const rows = revisions.map(({ revision, version, author, created_at, note }) => {
        const last = activations.find((one) => one.revision === revision);
        const isInForce = status.in_force?.revision === revision;
        const isScheduled = status.scheduled?.revision === revision;
        const state = isInForce ? "in force" : isScheduled ? `from ${status.scheduled?.activates_at}` : "";
        return [String(revision), state, version, author, created_at, last?.author ?? "", note];
      });
      const head = ["revision", "state", "version", "author", "created", "activated by", "note"];
      output.write(`${table([head, ...rows])}\n`);
      const approval = status.needs_approval ? "is" : "is not";
      const holds = status.in_force?.revision ? `revision ${status.in_force.revision}` : "the policy file of decisions";
      output.write(`Active: ${holds}. Approval by another user ${approval} required.\n`);
      for (const { rule_id: rule, why, switched_off_at: at } of status.switched_off_rules) {
        output.write(
          `Rule ${rule} has been off since ${at} (${why}). To switch it on again, activate a new revision.\n`,
        );
      }
    },
  );
}
