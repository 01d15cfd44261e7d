import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { layoutFingerprint } from "@tripline/feature-engine/plan-entities";
import type { SnapshotEntry } from "@tripline/lake/snapshot/snapshot-format";
import { writeSnapshotFile } from "@tripline/lake/snapshot/write-snapshot";

export { readSnapshot, verifySnapshot } from "@tripline/lake/snapshot/read-snapshot";
export type { SnapshotEntry, SnapshotHeader } from "@tripline/lake/snapshot/snapshot-format";

/** Writes a snapshot of a history's states. The file is either complete or absent. */
export async function writeSnapshot(
  path: string,
  engine: FeatureEngine,
  entries: number,
  states: Iterable<SnapshotEntry>,
): Promise<void> {
  const header = { specVersion: engine.spec.version, fingerprint: layoutFingerprint(engine.entities), entries };
  await writeSnapshotFile(path, header, states);
}
