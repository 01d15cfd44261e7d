import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { kindOption } from "./list-options.js";
import type { ShownEntry, Wanted } from "./read-entries.js";
import { readEntries } from "./read-entries.js";

interface SearchFlags extends ControlFlags, Wanted {
  readonly json?: true;
}

/** Maximum number of entries shown. `export` has no limit. */
const SHOWN_MAX = 1_000;

export function searchCommand(output: CommandOutput): Command {
  return controlCommand("search", `show entries, at most ${SHOWN_MAX}`)
    .option("--list <name>", "only this list")
    .addOption(kindOption("only this kind"))
    .option("--value <text>", "only this value")
    .option("--author <name>", "only entries added by this client")
    .option("--json", "print the entries as JSON lines")
    .action(async (flags: SearchFlags) => {
      const client = await openControl(flags);
      let count = 0;
      for await (const entry of readEntries(client, flags, SHOWN_MAX)) {
        count += 1;
        output.write(`${flags.json === true ? JSON.stringify(entry) : describe(entry)}\n`);
      }
      if (count === 0 && flags.json !== true) output.write("No matching entries.\n");
    });
}

function describe({ list, effect, kind, value, reason, author, created_at, expires_at }: ShownEntry): string {
  const name = list === effect ? list : `${list} (${effect})`;
  const until = expires_at === null ? "" : `, until ${expires_at}`;
  return `${name}  ${kind} ${value}  ${reason}  (${author}, ${created_at}${until})`;
}
