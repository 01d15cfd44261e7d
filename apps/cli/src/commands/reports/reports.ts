import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { importCommand } from "./import.js";

/** `tripline reports`: fraud reports from files of card networks and acquirers. */
export function reportsCommand(output: CommandOutput = process.stdout): Command {
  return new Command("reports").description("import fraud reports from files").addCommand(importCommand(output));
}
