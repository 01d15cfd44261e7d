import { isBroad } from "@tripline/contracts/lists/list-kinds";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { effectOption, expiryOption, kindOption, LIST_ARGUMENT, readValue, valueOption } from "./list-options.js";
import { previewEntry } from "./preview.js";
import { putEntries } from "./put-entries.js";

interface AddFlags extends ControlFlags {
  readonly kind: string;
  readonly value: string;
  readonly reason: string;
  readonly until?: string;
  readonly effect?: string;
}

export function addCommand(output: CommandOutput, input: AsyncIterable<Uint8Array>): Command {
  return controlCommand("add", "add an entry to a list, or replace the entry with this value")
    .argument(...LIST_ARGUMENT)
    .addOption(kindOption().makeOptionMandatory())
    .addOption(valueOption().makeOptionMandatory())
    .requiredOption("--reason <text>", "the reason, for analysts")
    .addOption(expiryOption())
    .addOption(effectOption())
    .action(async (list: string, flags: AddFlags) => {
      const { kind, reason, until, effect } = flags;
      const value = await readValue(flags, input);
      const entry = { kind, value, reason, ...(until === undefined ? {} : { expires_at: until }) };
      const client = await openControl(flags);
      if (isBroad({ kind })) output.write(`${await previewEntry(client, { kind, value })}\n`);
      const waiting = await putEntries(client, list, { effect, entries: [entry] });
      if (waiting !== undefined) output.write(`${waiting}\n`);
      else output.write(`The ${kind} was added to the list ${list}${until === undefined ? "" : ` until ${until}`}.\n`);
    });
}
