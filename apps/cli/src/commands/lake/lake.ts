import { Command } from "commander";
import { compactCommand } from "./compact.js";
import { statusCommand } from "./status.js";

/** `tripline lake`: the files of the archived topics. */
export function lakeCommand(): Command {
  return new Command("lake")
    .description("list the files of the archived topics, and merge small ones")
    .addCommand(statusCommand())
    .addCommand(compactCommand());
}
