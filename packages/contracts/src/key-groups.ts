import { crc32 } from "node:zlib";

/**
 * The groups of Redis keys that commands with several keys may use together. On one server, all keys are in one group.
 * In a Redis Cluster, such a command needs all of its keys in one hash slot, so an id's group becomes a hash tag.
 */
export interface KeyGroups {
  /** What precedes an id in a key: empty on one server, otherwise a hash tag such as `{42}:`. */
  tagOf(id: string): string;
}

export const ONE_GROUP: KeyGroups = { tagOf: () => "" };

/**
 * Hash tags in the order of their slots. The 16,384 slots are divided into 24 ranges, with one tag each. Masters with
 * equal ranges of slots therefore get equal numbers of groups. With more groups, batches would be split into more
 * commands. With fewer groups, fewer masters could share the load. A different list would make the cluster forget its
 * decisions.
 */
export const CLUSTER_TAGS: readonly string[] = "10 25 3 61 50 43 11 24 2 60 51 42 12 27 1 63 52 41 13 114 0 62 53 40"
  .split(" ")
  .map((tag) => `{${tag}}:`);

export const CLUSTER_GROUPS: KeyGroups = {
  tagOf: (id) => CLUSTER_TAGS[crc32(id) % CLUSTER_TAGS.length] ?? "",
};

/**
 * Handles the items of each group separately and concurrently.
 *
 * @param handle returns one result per item; if it returns none, `R` must include undefined
 * @returns the results in the order of the items
 */
export async function handleByGroup<T, R>(
  groups: KeyGroups,
  items: readonly T[],
  idOf: (item: T) => string,
  handle: (items: readonly T[], tag: string) => Promise<readonly R[]>,
): Promise<readonly R[]> {
  if (groups === ONE_GROUP) return handle(items, "");
  const indexes = Map.groupBy(items.keys(), (index) => groups.tagOf(idOf(items[index] as T)));
  const results = new Array<R>(items.length);
  await Promise.all(
    [...indexes].map(async ([tag, ofGroup]) => {
      const handled = await handle(
        ofGroup.map((index) => items[index] as T),
        tag,
      );
      for (const [place, index] of ofGroup.entries()) results[index] = handled[place] as R;
    }),
  );
  return results;
}
