import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { fetchLog, linesOf } from "./read-log.js";

export function exportCommand(output: CommandOutput): Command {
  return controlCommand("export", "print the log with its signatures and public keys, for `verify --input`").action(
    async (flags: ControlFlags) => {
      for await (const line of linesOf(await fetchLog(await openControl(flags)))) output.write(`${line}\n`);
    },
  );
}
