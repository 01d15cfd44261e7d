import { commands } from "@tripline/cli/commands";
import { Command, CommanderError } from "commander";
import { PLACEHOLDER } from "./read-commands.js";

/** What a mention in a sentence may leave out. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "commander.missingArgument",
  "commander.missingMandatoryOptionValue",
  "commander.optionMissingArgument",
  "commander.help",
]);
const SHOWS_HELP: ReadonlySet<string> = new Set(["commander.helpDisplayed", "commander.version"]);

/** Made once: a command can parse many times. */
let silenced: Command | undefined;

/**
 * Why `tripline` would not take these words, in its own parser's words; undefined where it takes them. Nothing is run.
 *
 * @param isWhole false where arguments may be missing
 */
export async function faultOfTripline(words: readonly string[], isWhole: boolean): Promise<string | undefined> {
  silenced ??= silence(commands().reduce((program, command) => program.addCommand(command), new Command("tripline")));
  try {
    await silenced.parseAsync([...words], { from: "user" });
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    const isExcused =
      SHOWS_HELP.has(thrown.code) ||
      (!isWhole && LEFT_OUT.has(thrown.code)) ||
      // What the reader has to fill in has no form of its own.
      (thrown.code === "commander.invalidArgument" && words.includes(PLACEHOLDER));
    return isExcused ? undefined : thrown.message;
  }
}

/** Parses as ever, but prints nothing, throws where it would end the process, and does nothing at the end. */
function silence(command: Command): Command {
  command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
  if (command.commands.length === 0) command.action(() => {});
  for (const child of command.commands) silence(child);
  return command;
}
