import type { ErrorCode } from "@tripline/contracts/error-table";
import { asTriplineError } from "@tripline/contracts/error-table";
import { isVersion } from "@tripline/model-registry/model-manifest";
import type { MoveOptions, RecordingRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { rollBackAlias } from "@tripline/model-registry/roll-back-alias";
import { waitVisibly } from "@tripline/stores/wait-visibly";
import type { CommandOutput } from "@tripline/system/command-output";
import { MODEL_NAME } from "@tripline/system/services/plan-services";
import { Command, InvalidArgumentError } from "commander";
import { diffModels } from "../../models/diff.js";
import { diffText, listTable, moveText, showText } from "../../models/table.js";
import { tokenUrlOption, workspaceOption } from "../control-options.js";
import { durationMs } from "../parse-duration.js";
import { registryOption } from "../registry-options.js";
import { bandsCommand } from "./bands.js";
import { cardCommands } from "./card.js";
import { checkCommand } from "./check.js";
import { compareCommand } from "./compare.js";
import { rolloutCommands, stepRollout } from "./rollout.js";

interface RegistryFlags {
  readonly registry: string;
  readonly model: string;
  readonly json?: boolean;
}

interface MoveFlags extends RegistryFlags {
  readonly alias: string;
  readonly expect?: string | null;
  readonly by?: string;
  readonly why?: string;
  /** `true` if the flag is given without an address. */
  readonly control?: string | true;
  readonly tokenUrl?: string;
  readonly workspace: string;
}

const AWAIT_POLL_MS = 2_000;

/** Errors that disappear once training has finished or the registry has started. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["model-not-found", "scoring-unavailable"]);

/** `tripline models`: lists published versions and aliases, moves aliases, and controls rollouts. Works with every registry. */
export function modelsCommand(output: CommandOutput = process.stdout): Command {
  const models = registryCommands(output);
  for (const command of [...rolloutCommands(output), ...cardCommands(output)]) models.addCommand(command);
  return models.addCommand(compareCommand(output)).addCommand(checkCommand(output)).addCommand(bandsCommand(output));
}

function registryCommands(output: CommandOutput): Command {
  const print = (flags: RegistryFlags, value: unknown, text: () => string): void => {
    output.write(flags.json === true ? `${JSON.stringify(value, null, 2)}\n` : text());
  };
  return new Command("models")
    .description("list, show, compare, promote and roll back the models of a registry")
    .addCommand(
      command("list", "list versions with their aliases, oldest first").action(async (flags: RegistryFlags) => {
        const listed = await openRegistry(flags.registry).list(flags.model);
        print(flags, listed, () => listTable(listed));
      }),
    )
    .addCommand(
      command("show", "show all details of a version")
        .argument("<version>", "a version or an alias")
        .action(async (asked: string, flags: RegistryFlags) => {
          const registry = openRegistry(flags.registry);
          const model = await registry.resolve(flags.model, asked);
          const listed = await registry.list(flags.model);
          const aliases = [...(listed.find(({ version }) => version === model.version)?.aliases ?? [])].sort();
          const moves = await registry.history(flags.model);
          const { directory, manifest } = model;
          const history = moves.filter(({ from, to }) => from === model.version || to === model.version);
          print(flags, { ...manifest, aliases, directory, history }, () => showText(model, aliases, moves));
        }),
    )
    .addCommand(
      command("await", "wait until a version exists, for example to start scoring before the first training")
        .argument("<version>", "a version or an alias")
        .option("--timeout <duration>", "maximum wait", "10m")
        .action(async (asked: string, flags: RegistryFlags & { readonly timeout: string }) => {
          const registry = openRegistry(flags.registry);
          const { version } = await waitVisibly(() => registry.resolve(flags.model, asked), {
            what: `${flags.model}@${asked} in ${flags.registry}`,
            timeoutMs: durationMs(flags.timeout),
            pollMs: AWAIT_POLL_MS,
            mayPass: (error) => PASSING.has(asTriplineError(error).code),
            remedy: "Train a model and publish it to this registry, for example with `tripline train`.",
            say: (line) => process.stderr.write(`${line}\n`),
          });
          output.write(`${flags.model} ${version} exists\n`);
        }),
    )
    .addCommand(
      command("diff", "compare two versions and their scores")
        .argument("<a>", "a version or an alias")
        .argument("<b>", "a version or an alias")
        .action(async (a: string, b: string, flags: RegistryFlags) => {
          const registry = openRegistry(flags.registry);
          const [one, two] = [await registry.resolve(flags.model, a), await registry.resolve(flags.model, b)];
          const diff = await diffModels(one, two);
          print(flags, diff, () => diffText(diff));
        }),
    )
    .addCommand(
      moveCommand("promote", "point an alias at a version, or finish a rollout by promoting the candidate to champion")
        .argument("[version]", "a version or an alias; omit it for a rollout")
        .action(async (asked: string | undefined, flags: MoveFlags) => {
          if (flags.control !== undefined) return stepRollout(output, "promote", inControl(flags));
          if (asked === undefined)
            throw new Error("Specify a version, or use --control to promote the candidate of a rollout.");
          const registry = openRegistry(flags.registry);
          const version = await versionOf(registry, flags.model, asked);
          const move = await registry.setAlias(flags.model, flags.alias, version, optionsOf(flags));
          print(flags, move, () => moveText(flags.model, move));
        }),
    )
    .addCommand(
      moveCommand("rollback", "point an alias at its previous version, or roll back a rollout").action(
        async (flags: MoveFlags) => {
          if (flags.control !== undefined) return stepRollout(output, "rollback", inControl(flags));
          const registry = openRegistry(flags.registry);
          const move = await rollBackAlias(registry, flags.model, flags.alias, optionsOf(flags));
          print(flags, move, () => moveText(flags.model, move));
        },
      ),
    );
}

function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(registryOption())
    .option("--model <name>", "which model", MODEL_NAME)
    .option("--json", "print JSON");
}

function moveCommand(name: string, description: string): Command {
  return command(name, description)
    .option("--alias <name>", "champion, challenger, shadow or another", "champion")
    .option("--expect <version>", "move the alias only if it points at this version, or `none`", parseExpected)
    .option("--by <name>", "who moves the alias (default: the user of this machine)")
    .option("--why <text>", "the reason, for the history")
    .option("--control [url]", "control plane of the rollout (default: the one on this machine)")
    .addOption(tokenUrlOption())
    .addOption(workspaceOption());
}

function inControl({ control, ...flags }: MoveFlags) {
  return typeof control === "string" ? { ...flags, control } : flags;
}

function versionOf(registry: RecordingRegistry, model: string, asked: string): Promise<string> {
  return isVersion(asked) ? Promise.resolve(asked) : registry.aliasTarget(model, asked);
}

function optionsOf({ expect, by, why }: MoveFlags): MoveOptions {
  return {
    ...(expect === undefined ? {} : { expect }),
    ...(by === undefined ? {} : { by }),
    ...(why === undefined ? {} : { why }),
  };
}

function parseExpected(text: string): string | null {
  if (text === "none") return null;
  if (!isVersion(text)) throw new InvalidArgumentError("It must be none, or a version of 12 hexadecimal digits.");
  return text;
}
