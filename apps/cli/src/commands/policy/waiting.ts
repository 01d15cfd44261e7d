import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { table } from "../../models/table.js";
import type { PolicyFlags } from "./control-options.js";
import { noteOption, openPolicy, policyCommandOf } from "./control-options.js";

/** `tripline policy waiting`: lists changes that wait for another user's approval. */
export function waitingCommand(output: CommandOutput): Command {
  return policyCommandOf("waiting", "list changes that await confirmation by another user").action(
    async (flags: PolicyFlags) => {
      const waiting = await (await openPolicy(flags, "approver")).waiting();
      if (waiting.length === 0) {
        output.write("No changes await confirmation.\n");
        return;
      }
      const rows = waiting.map(({ id, kind, author, note, expires_at, takes_effect_at }) => {
        const until = takes_effect_at === null ? `expires ${expires_at}` : `takes effect ${takes_effect_at}`;
        return [id, kind, author, until, note];
      });
      output.write(`${table([["id", "change", "requested by", "until", "note"], ...rows])}\n`);
    },
  );
}

/** Creates `tripline policy confirm` and `tripline policy refuse`. */
export function settleCommand(how: "confirm" | "refuse", output: CommandOutput): Command {
  const what = how === "confirm" ? "confirm a change that another user requested" : "reject a pending change";
  return policyCommandOf(how, what)
    .argument("<id>", "the ID shown by `waiting`")
    .addOption(noteOption("why"))
    .action(async (id: string, flags: PolicyFlags & { readonly note: string }) => {
      await (await openPolicy(flags, "approver")).settle(id, how, flags.note);
      output.write(how === "confirm" ? "Change confirmed.\n" : "Change rejected.\n");
    });
}
