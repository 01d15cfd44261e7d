import { loadCommands } from "@tripline/cli/commands";
import { Command, CommanderError } from "commander";
import { PLACEHOLDER } from "./read-commands.js";

/** Errors that are allowed if a sentence only mentions a command. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "commander.missingArgument",
  "commander.missingMandatoryOptionValue",
  "commander.optionMissingArgument",
  "commander.help",
]);
const SHOWS_HELP: ReadonlySet<string> = new Set(["commander.helpDisplayed", "commander.version"]);

/** Created once, because a command can parse repeatedly. */
let silenced: Command | undefined;

/**
 * Why `tripline` would reject these words, in the words of its parser; undefined if it accepts them. Runs nothing.
 *
 * @param isWhole false if arguments may be missing
 */
export async function faultOfTripline(words: readonly string[], isWhole: boolean): Promise<string | undefined> {
  silenced ??= silence(
    (await loadCommands()).reduce((program, command) => program.addCommand(command), new Command("tripline")),
  );
  try {
    await silenced.parseAsync([...words], { from: "user" });
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const isExcused =
      SHOWS_HELP.has(thrown.code) ||
      (!isWhole && LEFT_OUT.has(thrown.code)) ||
      // A placeholder has no valid format.
      (thrown.code === "commander.invalidArgument" && words.includes(PLACEHOLDER));
    return isExcused ? undefined : thrown.message;
  }
}

/** Parses as usual, but prints nothing, throws instead of exiting, and runs no action. */
function silence(command: Command): Command {
  command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
  if (command.commands.length === 0) command.action(() => {});
  for (const child of command.commands) silence(child);
  return command;
}
