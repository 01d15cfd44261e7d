import type { CommandOutput } from "@tripline/system/command-output";
import { Command } from "commander";
import { logCommand, replayCommand, testCommand } from "./deliveries.js";
import { addCommand, listCommand, removeCommand, rotateCommand, stateCommand, updateCommand } from "./endpoints.js";

/** `tripline webhooks`: manages the endpoints that receive a tenant's events. */
export function webhooksCommand(output: CommandOutput = process.stdout): Command {
  return new Command("webhooks")
    .description("manage webhook endpoints, and view and replay deliveries")
    .addCommand(addCommand(output))
    .addCommand(listCommand(output))
    .addCommand(updateCommand(output))
    .addCommand(stateCommand(output, "pause"))
    .addCommand(stateCommand(output, "resume"))
    .addCommand(removeCommand(output))
    .addCommand(rotateCommand(output))
    .addCommand(testCommand(output))
    .addCommand(logCommand(output))
    .addCommand(replayCommand(output));
}
