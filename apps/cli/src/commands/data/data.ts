import { Command } from "commander";
import { checkCommand } from "./check.js";
import { inspectCommand } from "./inspect.js";

/** `tripline data`: prepares a file of your own payments. */
export function dataCommand(): Command {
  return new Command("data")
    .description("map your own payments: propose a mapping for a file, and check the file against it")
    .addCommand(inspectCommand())
    .addCommand(checkCommand());
}
