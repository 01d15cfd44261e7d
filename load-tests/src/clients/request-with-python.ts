import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { startMlflow } from "@tripline/model-registry/testing/mlflow";
import { ROOT } from "@tripline/system/services/workspace";
import { z } from "zod";
import { packageVersions } from "../harness/package-versions.js";
import type { AskedSystem, FoundTool, Outcome, StockClient } from "./stock-client.js";
import { attempt, expectScores, runTool } from "./stock-client.js";

const SCRIPTS = join(ROOT, "load-tests", "peers", "clients");

/** Calls the scoring service with the clients of KServe's SDK. */
export const kserve: StockClient = {
  tool: "KServe SDK",
  find: () => findPackage("kserve", "kserve", join(SCRIPTS, "requirements.txt")),
  request: (found, asked) => runScript(found, "ask_kserve.py", [asked.scoringAddress, asked.scoringUrl], asked),
};

/** Publishes a model to an MLflow server and loads it with MLflow. */
export const mlflow: StockClient = {
  tool: "MLflow",
  find: () => findPackage("mlflow", "mlflow", join(ROOT, "packages", "model-registry", "mlflow-requirements.txt")),
  async request(found, asked) {
    const server = await startMlflow(asked.environment);
    try {
      const registry = openRegistry(`mlflow+${server.url}`, { MODEL_CACHE_DIRECTORY: join(asked.folder, "models") });
      const { name, modelBytes, golden } = asked.champion;
      const { name: _name, version: _version, files: _files, ...manifest } = asked.champion.manifest;
      const { version } = await registry.publish({ name, modelBytes, golden, manifest });
      await registry.setAlias(name, "champion", version);
      return await runScript(found, "load_with_mlflow.py", [server.url], asked);
    } finally {
      await server.stop();
    }
  },
};

async function findPackage(name: string, environment: string, requirementsFile: string): Promise<FoundTool> {
  const { python } = await provisionPython({ name: environment, requirementsFile, root: ROOT });
  const { [name]: version = "" } = await packageVersions(python, [name]);
  return { path: python, version };
}

const line = z.object({ asked: z.string(), scores: z.array(z.number()).nullish(), fault: z.string().optional() });

/** @param args arguments before the model's name and the file with its golden batch */
async function runScript(
  { path }: FoundTool,
  script: string,
  args: readonly string[],
  { champion, folder, ...asked }: AskedSystem,
): Promise<Outcome[]> {
  const file = join(folder, "golden.json");
  await writeFile(file, JSON.stringify(champion.golden));
  const environment = { ...asked.environment, ...keepBytecode(path) };
  const output = await runTool(path, [join(SCRIPTS, script), ...args, champion.name, file], {
    environment,
    cwd: folder,
  });
  const lines = output.trimEnd().split("\n");
  return Promise.all(
    lines.map((text) => {
      const { asked, scores, fault } = line.parse(JSON.parse(text));
      return attempt(asked, () => {
        if (fault !== undefined) throw new Error(fault);
        if (scores) expectScores(scores, champion.golden);
      });
    }),
  );
}
