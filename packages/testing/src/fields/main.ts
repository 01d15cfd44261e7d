import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";
import { RepositoryCopy } from "../recipes/repository-copy.js";
import { ADDED_ENTITIES, ADDED_FEATURES, ADDED_FIELDS, ADDED_KIND } from "./added-fields.js";

/**
 * `npx tripline test fields`: adds a field of each type, with entities and features, to a copy of this checkout, and
 * compiles the copy. Then follows a payment through the system: request, rules, features, console, lake, erasure. Exits
 * with 1 if a value is lost, or if files other than the two definitions and the generated files change.
 */

const PAYMENT = "packages/contracts/payment.yaml";
const FEATURES = "packages/contracts/feature-spec.yaml";
/** The console has its own title for each list kind. */
const CONSOLE_TEXTS = "apps/console/web/src/texts/en/screens.ts";
const FOLLOW = "packages/testing/dist/fields/follow-fields.test.js";
const COMMANDS: readonly (readonly [shown: string, program: string, args: readonly string[]])[] = [
  ["npx tripline generate", process.execPath, ["tools/start/run.mjs", "generate"]],
  ["npx tsc -b", "tsc", ["-b"]],
  ["npm run documents", process.execPath, ["tools/documents/write-documents.mjs"]],
  ["follow a payment", process.execPath, ["node_modules/jest/bin/jest.js", "--config", "jest.config.js", "--", FOLLOW]],
];

process.exitCode = follow() ? 0 : 1;

function follow(): boolean {
  const copy = RepositoryCopy.make();
  try {
    linkTools(copy);
    copy.write(PAYMENT, copy.read(PAYMENT).replace("list_kinds:\n", ADDED_KIND) + ADDED_FIELDS);
    const spec = copy.read(FEATURES).replace("entities:\n", ADDED_ENTITIES) + ADDED_FEATURES;
    copy.write(
      FEATURES,
      spec.replace(/^version: (\d+)$/m, (_, version) => `version: ${Number(version) + 1}`),
    );
    copy.write(
      CONSOLE_TEXTS,
      copy.read(CONSOLE_TEXTS).replace('      country: "Country",\n', (line) => `${line}      tier: "Tier",\n`),
    );
    for (const [shown, program, args] of COMMANDS) {
      const startedMs = performance.now();
      const { status, output } = copy.run(program, args);
      process.stdout.write(`  ${shown}: ${((performance.now() - startedMs) / 1_000).toFixed(1)} s\n`);
      if (status === 0) continue;
      process.stderr.write(`${shown} ended with ${status}:\n${output}\n`);
      return false;
    }
    return changesOnlyGenerated(copy);
  } finally {
    copy.remove();
  }
}

/** Downloaded programs, so that the copy does not have to download them again. */
function linkTools(copy: RepositoryCopy): void {
  const tools = join(".tripline", "tools");
  if (existsSync(join(ROOT, tools))) {
    copy.makeFolder(".tripline");
    symlinkSync(join(ROOT, tools), copy.at(tools));
  }
}

function changesOnlyGenerated(copy: RepositoryCopy): boolean {
  const byHand = [PAYMENT, FEATURES, CONSOLE_TEXTS];
  const changed = copy.changedFiles().filter((file) => !byHand.includes(file));
  // Deployment files need no change: new images contain the new fields and features.
  const others = changed.filter((file) => !/\/generated\/|\/proto\/|\/payment_columns\.py$|^docs\//.test(file));
  process.stdout.write(`  ${byHand.length} files changed by hand, ${changed.length} generated\n`);
  if (others.length > 0) process.stderr.write(`These files changed as well: ${others.join(", ")}\n`);
  return others.length === 0;
}
