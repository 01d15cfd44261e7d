import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";

interface ListFlags extends ControlFlags {
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly limit: string;
}

const entries = z.object({
  entries: z.array(
    z.object({
      sequence: z.number(),
      at: z.string(),
      actor: z.string(),
      actor_kind: z.string(),
      action: z.string(),
      subject_kind: z.string(),
      subject_id: z.string(),
      details: z.record(z.string(), z.unknown()),
    }),
  ),
});

export function listCommand(output: CommandOutput): Command {
  return controlCommand("list", "show who did what, newest first")
    .option("--actor <name>", "only entries of this client or user")
    .option("--action <name>", "only this action, for example policy-activated")
    .option("--subject <id>", "only entries about this subject, for example a list or a model")
    .option("--limit <count>", "number of entries, at most 200", "50")
    .action(async ({ actor, action, subject, limit, ...flags }: ListFlags) => {
      const client = await openControl(flags);
      const query = new URLSearchParams({ limit });
      for (const [name, value] of Object.entries({ actor, action, subject })) {
        if (value !== undefined) query.set(name, value);
      }
      const found = entries.parse(await client.call("GET", "/v1/audit", { query }));
      for (const entry of found.entries) output.write(`${describe(entry)}\n`);
      if (found.entries.length === 0) output.write("No matching entries.\n");
    });
}

function describe(entry: z.infer<typeof entries>["entries"][number]): string {
  const subject = `${entry.subject_kind} ${entry.subject_id}`.trimEnd();
  const who = `${entry.actor_kind} ${entry.actor}`;
  return `${entry.sequence}  ${entry.at}  ${who}  ${entry.action}  ${subject}  ${JSON.stringify(entry.details)}`;
}
