import { provisionPython } from "@tripline/local-stack/provision-python";
import { Command, Option } from "commander";
import { trainingPython } from "./run-python.js";
import { ROOT } from "./workspace.js";

const FEATURE_REPOSITORY = "feature-repo";

/** `tripline python`: the interpreter of a Python environment, for editors and for the tests. */
export function pythonCommand(): Command {
  return new Command("python")
    .description("print the interpreter of a Python environment; installs it when it is missing")
    .addOption(
      new Option("--environment <name>", "which one").choices(["training", FEATURE_REPOSITORY]).default("training"),
    )
    .action(async ({ environment }: { environment: string }) => {
      const python = environment === FEATURE_REPOSITORY ? await featureRepositoryPython() : await trainingPython();
      process.stdout.write(`${python}\n`);
    });
}

/** Feast pins what training wants newer, so it has an environment of its own. */
async function featureRepositoryPython(): Promise<string> {
  const requirementsFile = `${ROOT}/training/feature_repo/requirements.txt`;
  return (await provisionPython({ name: FEATURE_REPOSITORY, requirementsFile, root: ROOT })).python;
}
