import { Command } from "commander";
import { compactCommand } from "./compact.js";
import { publishCommand } from "./publish.js";
import { statusCommand } from "./status.js";

/** `tripline lake`: the files of the archived topics. */
export function lakeCommand(): Command {
  return new Command("lake")
    .description("list the files of the archived topics, merge small ones, and publish them as Iceberg tables")
    .addCommand(statusCommand())
    .addCommand(compactCommand())
    .addCommand(publishCommand());
}
