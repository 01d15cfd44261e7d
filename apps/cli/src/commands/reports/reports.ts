import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { importCommand } from "./import.js";
import { listCommand } from "./list.js";
import { ratiosCommand } from "./ratios.js";
import { reconcileCommand } from "./reconcile.js";

/** `tripline reports`: fraud reports from files of card networks and acquirers. */
export function reportsCommand(output: CommandOutput = process.stdout): Command {
  return new Command("reports")
    .description("import fraud reports from files, and compare reports with payments")
    .addCommand(importCommand(output))
    .addCommand(listCommand(output))
    .addCommand(reconcileCommand(output))
    .addCommand(ratiosCommand(output));
}
