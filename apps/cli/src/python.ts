import { Command } from "commander";
import { trainingPython } from "./run-python.js";

/** `tripline python`: the interpreter of the training environment, for editors and for the tests. */
export function pythonCommand(): Command {
  return new Command("python")
    .description("print the interpreter of the training environment; installs it when it is missing")
    .action(async () => {
      process.stdout.write(`${await trainingPython()}\n`);
    });
}
