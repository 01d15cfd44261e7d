import { provisionPython } from "@tripline/local-stack/provision/provision-python";
import { trainingPython } from "@tripline/model-loop/run-python";
import { ROOT } from "@tripline/system/services/workspace";
import { Command, Option } from "commander";

/**
 * Environments that are separate from the training environment, because Feast pins older versions than training needs,
 * and because the others are large and rarely needed.
 */
const REQUIREMENTS: Readonly<Record<string, string>> = {
  "feature-repo": `${ROOT}/training/feature_repo/requirements.txt`,
  models: `${ROOT}/training/requirements/models.txt`,
  drift: `${ROOT}/training/requirements/drift.txt`,
  deep: `${ROOT}/training/requirements/deep.txt`,
  keras: `${ROOT}/training/requirements/keras.txt`,
  spark: `${ROOT}/training/spark/requirements.txt`,
  iceberg: `${ROOT}/training/iceberg/requirements.txt`,
  "iceberg-tests": `${ROOT}/training/iceberg/tests.txt`,
};

/** `tripline python`: the interpreter of a Python environment, for editors and for the tests. */
export function pythonCommand(): Command {
  return new Command("python")
    .description("print the path of the interpreter of a Python environment; installs the environment if it is missing")
    .addOption(
      new Option("--environment <name>", "which one")
        .choices(["training", ...Object.keys(REQUIREMENTS)])
        .default("training"),
    )
    .action(async ({ environment }: { environment: string }) => {
      process.stdout.write(`${await interpreterOf(environment)}\n`);
    });
}

/** Returns the interpreter of an environment, and installs the environment if it is missing. */
export async function interpreterOf(environment: string): Promise<string> {
  const requirementsFile = REQUIREMENTS[environment];
  if (requirementsFile === undefined) return trainingPython();
  return (await provisionPython({ name: environment, requirementsFile, root: ROOT })).python;
}
