import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { ALL_TOPICS } from "@tripline/contracts/topics";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import type { Redis } from "ioredis";

const SCAN_COUNT = 1_000;
const SAMPLES_MAX = 2_000;

/** The files below a folder, with their sizes in bytes. */
async function filesBelow(folder: string): Promise<{ path: string; bytes: number }[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (path) => ({ path, bytes: (await stat(path)).size })));
}

export async function bytesOfFolder(folder: string): Promise<number> {
  return (await filesBelow(folder)).reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Bytes on disk per record for each topic with records, including batches, headers and compression.
 *
 * @param folder any folder above the logs of the only broker
 */
export async function bytesOfTopics(folder: string, brokers: string[]): Promise<Map<string, number>> {
  const files = await filesBelow(folder);
  const admin = await connectKafka({ brokers, clientId: "bench" }).admin();
  const found = new Map<string, number>();
  for (const { name } of ALL_TOPICS) {
    const records = [...(await admin.endOffsets(name)).values()].reduce((sum, end) => sum + end, 0);
    if (records === 0) continue;
    const segments = files.filter(({ path }) => path.endsWith(".log") && partitionOf(path).test(name));
    found.set(name, segments.reduce((sum, { bytes }) => sum + bytes, 0) / records);
  }
  await admin.close();
  return found;
}

/** The topic in a path such as `…/decisions-3/00000000000000000000.log`. */
function partitionOf(path: string): { test(topic: string): boolean } {
  const folder = basename(join(path, ".."));
  return { test: (topic) => new RegExp(`^${topic.replaceAll(".", "\\.")}-\\d+$`).test(folder) };
}

/** The number and size of keys of one kind. */
export interface KeyFigures {
  readonly keys: number;
  /** Average size of a key with its value. */
  readonly bytes: number;
}

/** By kind: `idem`, `decision`, and `state:card`, `state:terminal` and the other entities. */
export async function measureKeys(redis: Redis): Promise<Map<string, KeyFigures>> {
  const keys = new Map<string, string[]>();
  const counts = new Map<string, number>();
  let cursor = "0";
  do {
    const [next, found] = await redis.scan(cursor, "COUNT", SCAN_COUNT);
    cursor = next;
    for (const key of found) {
      const kind = key.split(":", key.startsWith("state:") ? 2 : 1).join(":");
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const known = keys.get(kind) ?? [];
      keys.set(kind, known);
      if (known.length < SAMPLES_MAX) known.push(key);
    }
  } while (cursor !== "0");
  const figures = new Map<string, KeyFigures>();
  for (const [kind, sample] of keys) {
    const pipeline = redis.pipeline();
    for (const key of sample) pipeline.memory("USAGE", key);
    const results = (await pipeline.exec()) ?? [];
    const bytes = results.map(([, value]) => Number(value)).filter((value) => value > 0);
    const mean = bytes.reduce((sum, value) => sum + value, 0) / bytes.length;
    figures.set(kind, { keys: counts.get(kind) ?? 0, bytes: mean });
  }
  return figures;
}
