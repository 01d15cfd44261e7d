import { isDeepStrictEqual } from "node:util";
import { TriplineError } from "@tripline/contracts/error-table";
import { checkName } from "./check-names.js";
import type { GoldenBatch, ModelManifest } from "./model-manifest.js";
import {
  checkGoldenWidth,
  GOLDEN_FILE,
  goldenSchema,
  MANIFEST_FILE,
  MODEL_FILE,
  manifestSchema,
  parseJson,
  SCORECARD_FILE,
  sha256Hex,
  TWIN_FILE,
  versionOf,
} from "./model-manifest.js";
import type { ModelVersion, Publication } from "./model-registry.js";

/** The files of a publication. */
export interface PreparedPublication {
  readonly version: string;
  readonly manifest: ModelManifest;
  readonly golden: GoldenBatch;
  /** By name; the manifest is last, so that an incomplete version has none. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/**
 * Rejects everything that a reader would reject, by passing the exact text that is written to the same parsers.
 *
 * @throws TriplineError `invalid-field` for an invalid name, `model-refused` for an invalid model
 */
export function preparePublication(publication: Publication): PreparedPublication {
  const { name, modelBytes, scorecard, twinBytes } = publication;
  checkName(name, "name");
  const version = versionOf(modelBytes);
  const goldenBytes = Buffer.from(`${JSON.stringify(publication.golden)}\n`);
  const given = {
    [MODEL_FILE]: modelBytes,
    [GOLDEN_FILE]: goldenBytes,
    ...(scorecard === undefined ? {} : { [SCORECARD_FILE]: scorecard }),
    ...(twinBytes === undefined ? {} : { [TWIN_FILE]: twinBytes }),
  };
  const manifest: ModelManifest = {
    name,
    version,
    ...publication.manifest,
    files: {
      [MODEL_FILE]: sha256Hex(modelBytes),
      [GOLDEN_FILE]: sha256Hex(goldenBytes),
      ...Object.fromEntries(Object.entries(given).map(([file, bytes]) => [file, sha256Hex(bytes)])),
    },
  };
  const manifestText = `${JSON.stringify(manifest, null, 2)}\n`;
  parseJson(manifestSchema, manifestText, "The manifest to publish");
  const golden = parseJson(goldenSchema, goldenBytes.toString("utf8"), "The golden batch to publish");
  checkGoldenWidth(golden, manifest);
  const files = { ...given, [MANIFEST_FILE]: Buffer.from(manifestText) };
  return { version, manifest, golden, files };
}

/** @throws TriplineError `model-refused` if the existing version has a different meaning */
export function checkSameMeaning(there: ModelManifest, given: ModelManifest): void {
  for (const key of ["feature_spec_version", "features", "input", "output"] as const) {
    if (isDeepStrictEqual(there[key], given[key])) continue;
    throw new TriplineError(
      "model-refused",
      `Model ${there.name} ${there.version} was already published with a different "${key}"; a model must not change its meaning.`,
    );
  }
}

/** The files of a version; `undefined` if one is missing. */
export interface VersionFiles {
  readonly manifest: ModelManifest;
  readonly directory: string;
  readonly modelPath: string;
  readonly modelBytes: Uint8Array | undefined;
  readonly goldenBytes: Uint8Array | undefined;
  /** Set if the manifest lists a twin. */
  readonly twinBytes: Uint8Array | undefined;
}

/** @throws TriplineError `model-refused` if a file is missing or differs from the published one */
export function verifyFiles(files: VersionFiles): ModelVersion {
  const { manifest, directory, modelPath } = files;
  const { name, version } = manifest;
  const what = `Model ${name} ${version}`;
  const modelBytes = verified(files.modelBytes, MODEL_FILE, manifest);
  if (versionOf(modelBytes) !== version) {
    throw new TriplineError("model-refused", `${what}: the version does not match the content of ${MODEL_FILE}.`);
  }
  const goldenText = Buffer.from(verified(files.goldenBytes, GOLDEN_FILE, manifest)).toString("utf8");
  const golden = parseJson(goldenSchema, goldenText, `${what}: ${GOLDEN_FILE}`);
  checkGoldenWidth(golden, manifest);
  const twin = manifest.files[TWIN_FILE] === undefined ? undefined : verified(files.twinBytes, TWIN_FILE, manifest);
  return { name, version, directory, manifest, modelPath, modelBytes, twinBytes: twin, golden };
}

/** @throws TriplineError `model-refused` if the file is missing or differs from the published one */
export function verified(
  bytes: Uint8Array | undefined,
  file: typeof MODEL_FILE | typeof GOLDEN_FILE | typeof SCORECARD_FILE | typeof TWIN_FILE,
  { name, version, files }: ModelManifest,
): Uint8Array {
  const what = `Model ${name} ${version}: ${file}`;
  if (bytes === undefined) throw new TriplineError("model-refused", `${what} is missing.`);
  if (sha256Hex(bytes) === files[file]) return bytes;
  throw new TriplineError("model-refused", `${what} differs from the published file (SHA-256).`);
}
