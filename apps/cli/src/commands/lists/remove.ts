import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { kindOption, LIST_ARGUMENT, readValue, valueOption } from "./list-options.js";

interface RemoveFlags extends ControlFlags {
  readonly kind: string;
  readonly value: string;
}

export function removeCommand(output: CommandOutput, input: AsyncIterable<Uint8Array>): Command {
  return controlCommand("remove", "remove an entry from a list")
    .argument(...LIST_ARGUMENT)
    .addOption(kindOption().makeOptionMandatory())
    .addOption(valueOption().makeOptionMandatory())
    .action(async (list: string, flags: RemoveFlags) => {
      const { kind } = flags;
      const query = new URLSearchParams({ kind, value: await readValue(flags, input) });
      const client = await openControl(flags);
      await client.call("DELETE", `/v1/lists/${encodeURIComponent(list)}/entries`, { query });
      output.write(`The ${kind} was removed from the list ${list}.\n`);
    });
}
