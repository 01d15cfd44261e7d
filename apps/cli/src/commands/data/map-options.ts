import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { declaredNames } from "@tripline/backfill/mapping/declare-field";
import type { Mapping } from "@tripline/backfill/mapping/mapping";
import { readMapping } from "@tripline/backfill/mapping/mapping";
import { demoSecrets } from "@tripline/system/services/demo-secrets";
import { DEMO_WORKSPACE } from "@tripline/system/services/local-system";
import { ROOT, STATE_DIRECTORY, workspaceIn } from "@tripline/system/services/workspace";
import { InvalidArgumentError, Option } from "commander";

/** This file exists only in a checkout of the repository. */
export const PAYMENT_FIELDS = join(ROOT, "packages", "contracts", "payment.yaml");

/** Minimum length that ingestion requires for `CARD_TOKEN_KEY`, in bytes. */
const CARD_TOKEN_KEY_BYTES_MIN = 32;

/** Rejects keys that ingestion would reject. */
function parseCardTokenKey(text: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length >= CARD_TOKEN_KEY_BYTES_MIN) return key;
  throw new InvalidArgumentError(
    `It has ${key.length} bytes, but must have at least ${CARD_TOKEN_KEY_BYTES_MIN} random bytes in base64.`,
  );
}

export function cardTokenKeyOption(when: string): Option {
  return new Option("--card-token-key <base64>", `ingestion's key for computing tokens, ${when}`)
    .env("CARD_TOKEN_KEY")
    .argParser(parseCardTokenKey);
}

export const OF_DEMO = "default: that of the demo on this machine";

/** The given key; by default, the key of the system on this machine. */
export function installationKey(given: Buffer | undefined, workspace = DEMO_WORKSPACE): Buffer {
  if (given !== undefined) return given;
  return Buffer.from(demoSecrets(workspaceIn(join(STATE_DIRECTORY, workspace)).secrets).cardTokenKey, "base64");
}

export function mapOption(): Option {
  return new Option("--map <file>", "mapping.yaml of your own data, from `tripline data inspect`");
}

/** The mapping in a file, and the default path for its rejected rows. */
export async function openMapping(path: string): Promise<{ mapping: Mapping; rejectsPath: string }> {
  const declared = existsSync(PAYMENT_FIELDS) ? declaredNames(await readFile(PAYMENT_FIELDS, "utf8")) : [];
  const rejectsPath = `${path.replace(/\.ya?ml$/, "")}.rejects.ndjson`;
  return { mapping: await readMapping(path, declared), rejectsPath };
}

/** `when` is the option that it needs, if any. */
export const featureAucMaxOption = (when?: string): Option =>
  new Option(
    "--feature-auc-max <area>",
    `${when === undefined ? "" : `with ${when}: `}do not train if a single feature separates fraud with at least this AUC, because it may have seen the label; 1 accepts any feature (default: 0.98)`,
  ).argParser(parseArea);

/** The training program would reject any other number. */
function parseArea(text: string): number {
  const area = Number(text);
  if (area >= 0.5 && area <= 1) return area;
  throw new InvalidArgumentError("It must be a number from 0.5 to 1.");
}
