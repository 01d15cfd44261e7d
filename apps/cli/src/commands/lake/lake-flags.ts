import { resolve } from "node:path";
import { isDay } from "@tripline/lake/lake-layout";
import { LAKE_TABLES } from "@tripline/lake/lake-tables";
import { isStoreUrl } from "@tripline/object-store/open-store";
import { DEMO_WORKSPACE, readLocalSystem } from "@tripline/system/services/local-system";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";

/** Selects a lake and some of its files. */
export interface LakeFlags {
  readonly lake?: string;
  readonly workspace: string;
  readonly topic?: string;
  readonly day?: string;
}

const TOPICS = Object.values(LAKE_TABLES).map(({ topic }) => topic.name);
const BYTES_PER_UNIT = 1_024;
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export function withLakeFlags(command: Command): Command {
  return command
    .addOption(lakeOption())
    .addOption(topicOption())
    .option("--day <date>", "only this day, UTC", parseDay)
    .option("--workspace <name>", "without --lake: the system on this machine", DEMO_WORKSPACE);
}

export function lakeOption(): Option {
  return new Option(
    "--lake <place>",
    "the folder or URL that the archive service writes to (default: the lake of the system on this machine)",
  ).env("LAKE_URL");
}

export function topicOption(): Option {
  return new Option("--topic <name>", "only this topic").choices(TOPICS);
}

/** @throws Error in one sentence if no lake is given and no system with an archive is running on this machine */
export function lakeOf({ lake, workspace }: Pick<LakeFlags, "lake" | "workspace">): string {
  if (lake !== undefined) return isStoreUrl(lake) ? lake : resolve(lake);
  const { lakeDirectory } = readLocalSystem(workspace);
  if (lakeDirectory === undefined) throw new Error("The system on this machine has no archive. Specify --lake.");
  return lakeDirectory;
}

/** A size with three digits, such as `3.21 GiB`. */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= BYTES_PER_UNIT && unit < UNITS.length - 1) {
    size /= BYTES_PER_UNIT;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toPrecision(3)} ${UNITS[unit]}`;
}

function parseDay(text: string): string {
  if (isDay(text)) return text;
  throw new InvalidArgumentError("It must be a day, such as 2026-03-01.");
}
