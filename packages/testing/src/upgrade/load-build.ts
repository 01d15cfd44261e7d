import { access } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { startSystem } from "@tripline/system/services/run-system";
import type { testModel } from "../support/test-model.js";

/** Everything that is needed to start another build's whole system: its code, services and model. */
export interface OtherBuild {
  readonly startSystem: typeof startSystem;
  readonly testModel: typeof testModel;
  /** The policy file that the build contains. */
  readonly policyFile: string;
}

/**
 * @param root root folder of a built checkout of another commit
 * @throws Error with one sentence if the checkout is not built
 */
export async function loadBuild(root: string): Promise<OtherBuild> {
  const packages = join(root, "packages");
  const [system, model] = await Promise.all([
    load(join(packages, "system", "dist", "services", "run-system.js")),
    load(join(packages, "testing", "dist", "support", "test-model.js")),
  ]);
  return { ...system, ...model, policyFile: join(root, "apps", "decisions", "policy.yaml") } as OtherBuild;
}

async function load(file: string): Promise<object> {
  try {
    await access(file);
  } catch (cause) {
    throw new Error(`${file} does not exist: build that checkout first.`, { cause });
  }
  return await import(pathToFileURL(file).href);
}
