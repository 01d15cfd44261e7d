import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";

/** Compiled code, except tests and their helpers. */
const PRODUCT_CODE = /^(?!.*(\.test\.js|(^|\/)testing\/)).*\.js$/;

/** The inputs of a training run: the code of each step, the feature spec and the parameters. */
export const CODE: readonly (readonly [folder: string, pattern: RegExp])[] = [
  [join(ROOT, "packages", "contracts"), /^feature-spec\.yaml$/],
  [join(ROOT, "packages", "simulator", "dist"), PRODUCT_CODE],
  [
    join(ROOT, "packages", "contracts", "dist"),
    /^(country|currency|find-card-number|identifiers|payment-filter|generated\/payment-fields)\.js$/,
  ],
  [join(ROOT, "packages", "contracts", "dist"), /^text\/category-code\.js$/],
  [join(ROOT, "packages", "feature-engine", "dist"), PRODUCT_CODE],
  [join(ROOT, "packages", "lake", "dist"), /^snapshot\/snapshot-format\.js$/],
  [join(ROOT, "packages", "backfill", "dist"), PRODUCT_CODE],
  [join(ROOT, "packages", "model-loop", "dist"), /^demo-model\/train-demo-model\.js$/],
  [join(ROOT, "packages", "model-loop", "dist"), /^train-champion\.js$/],
  [join(ROOT, "packages", "model-loop", "dist"), /^truth\/settle-labels\.js$/],
  [join(ROOT, "packages", "decision-engine", "dist"), /^backtest\/label-(survey|delay)\.js$/],
  [join(ROOT, "training"), /^params\.json$/],
  [join(ROOT, "training", "requirements"), /^training\.txt$/],
  [join(ROOT, "training", "tripline_training"), /\.py$/],
];

/** A cache key over everything that training depends on, 16 hexadecimal digits. */
export async function cacheKey(parameters: readonly (string | Uint8Array)[]): Promise<string> {
  const hash = createHash("sha256");
  for (const parameter of parameters) hash.update(createHash("sha256").update(parameter).digest());
  for (const [folder, pattern] of CODE) {
    const names = (await readdir(folder, { recursive: true })).filter((name) => pattern.test(name)).sort();
    for (const name of names) {
      hash.update(`${name}\0`);
      hash.update(
        createHash("sha256")
          .update(await readFile(join(folder, name)))
          .digest(),
      );
    }
  }
  return hash.digest("hex").slice(0, 16);
}

/** Keeps the `entriesMax` most recently changed folders. */
export async function dropOldEntries(folder: string, entriesMax: number): Promise<void> {
  const entries = await Promise.all(
    (await readdir(folder)).map(async (name) => ({ name, changedMs: (await stat(join(folder, name))).mtimeMs })),
  );
  entries.sort((left, right) => right.changedMs - left.changedMs);
  for (const { name } of entries.slice(entriesMax)) await rm(join(folder, name), { recursive: true, force: true });
}
