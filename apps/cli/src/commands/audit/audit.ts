import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { exportCommand } from "./export.js";
import { listCommand } from "./list.js";
import { verifyCommand } from "./verify.js";

/** `tripline audit`: shows the audit log and verifies it. */
export function auditCommand(output: CommandOutput = process.stdout): Command {
  return new Command("audit")
    .description("read, export and verify the audit log")
    .addCommand(listCommand(output))
    .addCommand(exportCommand(output))
    .addCommand(verifyCommand(output));
}
