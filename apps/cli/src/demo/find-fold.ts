import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);

const folds = z.array(z.object({ file: z.string(), train_from: day, train_to: day, assess_from: day, assess_to: day }));

/** One published split of the handbook's data. Days are inclusive. */
export interface Fold {
  /** CSV with one row per payment: its id, and whether it is for training or evaluation. */
  readonly path: string;
  readonly trainFrom: string;
  readonly trainTo: string;
  readonly assessFrom: string;
  readonly assessTo: string;
}

/**
 * The published split whose evaluated days are `days`, such as `2018-08-08..2018-08-14`.
 *
 * @throws Error that lists the existing splits
 */
export function findFold(data: string, days: string): Fold {
  const path = join(data, "folds", "folds.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new Error(`${path} cannot be read. --data must be the folder that contains the handbook's raw/ and folds/.`);
  }
  const known = folds.parse(JSON.parse(text));
  const fold = known.find((row) => `${row.assess_from}..${row.assess_to}` === days);
  if (fold === undefined) {
    const choices = known.map((row) => `${row.assess_from}..${row.assess_to}`).join(", ");
    throw new Error(`--assess ${days} is not a published split. Choose one of ${choices}.`);
  }
  return {
    path: join(data, "folds", fold.file),
    trainFrom: fold.train_from,
    trainTo: fold.train_to,
    assessFrom: fold.assess_from,
    assessTo: fold.assess_to,
  };
}
