import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { TriplineError } from "@tripline/contracts/error-table";
import type { Publication } from "../model-registry.js";

/** Shared by the tests of this package. */

/** A publication with any text as its model, and every optional field of a manifest. */
export function publication(content: string, changes: Partial<Publication["manifest"]> = {}): Publication {
  return {
    name: "fraud",
    modelBytes: Buffer.from(content),
    golden: { inputs: [[1, 2.5]], outputs: [0.25] },
    manifest: {
      created_at: "2026-01-01T00:00:00Z",
      feature_spec_version: 1,
      features: ["amount", "card_count_1d"],
      input: { name: "features", datatype: "FP32", shape: [-1, 2] },
      output: { name: "probability", datatype: "FP32", shape: [-1, 1] },
      metrics: { average_precision: 0.7 },
      lineage: { data_sha256: "0".repeat(64), commit: null, params: {}, trained_at: "2026-01-01T00:00:00+00:00" },
      ...changes,
    },
  };
}

/** The error that rejects a call. @throws Error if the call succeeds */
export async function refusal(work: Promise<unknown>): Promise<TriplineError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof TriplineError) return thrown;
  throw new Error(`expected a TriplineError, got ${String(thrown)}`);
}

/** An empty folder for a file registry. */
export async function temporaryRegistry(): Promise<{ root: string; url: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), "tripline-registry-"));
  return { root, url: pathToFileURL(root).href, remove: () => rm(root, { recursive: true, force: true }) };
}
