import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { ModelManifest } from "./model-manifest.js";
import {
  checkGoldenWidth,
  GOLDEN_FILE,
  goldenSchema,
  isVersion,
  MANIFEST_FILE,
  MODEL_FILE,
  manifestSchema,
  nameSchema,
  parseJson,
  sha256Hex,
  versionOf,
} from "./model-manifest.js";
import type { ListedVersion, ModelRegistry, ModelVersion, Publication } from "./model-registry.js";
import { isCode, readFinished, writeDirectory, writeFileAtomically } from "./write-atomically.js";

/**
 * A registry in a directory:
 * `models/<name>/versions/<version>/{model.onnx,model.json,golden.json}` and `models/<name>/aliases/<alias>`.
 */
export class FileRegistry implements ModelRegistry {
  constructor(private readonly root: string) {}

  async resolve(name: string, aliasOrVersion: string): Promise<ModelVersion> {
    checkName(name, "name");
    if (isVersion(aliasOrVersion)) return this.read(name, aliasOrVersion, `Model ${name} has no version`);
    const version = await this.aliasTarget(name, aliasOrVersion);
    return this.read(name, version, `The alias "${aliasOrVersion}" of model ${name} names a version that is missing:`);
  }

  async aliasTarget(name: string, alias: string): Promise<string> {
    checkName(name, "name");
    checkName(alias, "alias");
    const text = await readIfThere(this.aliasPath(name, alias));
    if (text === undefined) throw await this.noAlias(name, alias);
    const version = text.toString("utf8").trim();
    if (isVersion(version)) return version;
    throw new TriplineError("model-refused", `The alias "${alias}" of model ${name} holds no version.`);
  }

  async models(): Promise<string[]> {
    return (await finished(join(this.root, "models"))).filter((name) => nameSchema.safeParse(name).success);
  }

  async versions(name: string): Promise<string[]> {
    checkName(name, "name");
    return (await finished(join(this.modelPath(name), "versions"))).filter(isVersion);
  }

  async list(name: string): Promise<ListedVersion[]> {
    const versions = await this.versions(name);
    if (versions.length === 0) throw await this.noModel(name);
    const aliases = await this.aliases(name);
    const listed = await Promise.all(
      versions.map(async (version): Promise<ListedVersion> => {
        const own = [...aliases].filter(([, target]) => target === version).map(([alias]) => alias);
        try {
          return { version, aliases: own, manifest: (await this.readManifest(name, version, "")).manifest };
        } catch (error) {
          return { version, aliases: own, fault: asTriplineError(error).message };
        }
      }),
    );
    const age = (item: ListedVersion): number => Date.parse(item.manifest?.created_at ?? "") || 0;
    return listed.sort((a, b) => age(a) - age(b));
  }

  async setAlias(name: string, alias: string, version: string): Promise<void> {
    checkName(alias, "alias");
    if (isVersion(alias)) {
      throw new TriplineError("invalid-field", `"${alias}" looks like a version and cannot be an alias.`);
    }
    if (!isVersion(version)) {
      throw new TriplineError("invalid-field", `"${version}" is not a version: it must be 12 hexadecimal digits.`);
    }
    await this.resolve(name, version);
    await stored(() => writeFileAtomically(this.aliasPath(name, alias), Buffer.from(`${version}\n`)));
  }

  async publish(publication: Publication): Promise<ModelVersion> {
    const { name, modelBytes } = publication;
    checkName(name, "name");
    const version = versionOf(modelBytes);
    const goldenBytes = Buffer.from(`${JSON.stringify(publication.golden)}\n`);
    const manifest: ModelManifest = {
      name,
      version,
      ...publication.manifest,
      files: { [MODEL_FILE]: sha256Hex(modelBytes), [GOLDEN_FILE]: sha256Hex(goldenBytes) },
    };
    const manifestText = `${JSON.stringify(manifest, null, 2)}\n`;
    // What a reader would refuse must not get in: the same parsers look at the very text that is written.
    parseJson(manifestSchema, manifestText, "The manifest to publish");
    const golden = parseJson(goldenSchema, goldenBytes.toString("utf8"), "The golden batch to publish");
    checkGoldenWidth(golden, manifest);
    const isNew = await stored(() =>
      writeDirectory(this.versionPath(name, version), {
        [MODEL_FILE]: modelBytes,
        [GOLDEN_FILE]: goldenBytes,
        [MANIFEST_FILE]: Buffer.from(manifestText),
      }),
    );
    const published = await this.resolve(name, version);
    if (!isNew) checkSameMeaning(published.manifest, manifest);
    return published;
  }

  private async read(name: string, version: string, ifMissing: string): Promise<ModelVersion> {
    const { manifest, directory } = await this.readManifest(name, version, ifMissing);
    const what = `Model ${name} ${version}`;
    const modelPath = join(directory, MODEL_FILE);
    const modelBytes = await readVerified(modelPath, manifest.files[MODEL_FILE], what);
    if (versionOf(modelBytes) !== version) {
      throw new TriplineError("model-refused", `${what}: the version is not that of the bytes in ${MODEL_FILE}.`);
    }
    const goldenBytes = await readVerified(join(directory, GOLDEN_FILE), manifest.files[GOLDEN_FILE], what);
    const golden = parseJson(goldenSchema, goldenBytes.toString("utf8"), `${what}: ${GOLDEN_FILE}`);
    checkGoldenWidth(golden, manifest);
    return { name, version, directory, manifest, modelPath, modelBytes, golden };
  }

  private async readManifest(
    name: string,
    version: string,
    ifMissing: string,
  ): Promise<{ manifest: ModelManifest; directory: string }> {
    const directory = this.versionPath(name, version);
    const what = `Model ${name} ${version}`;
    const bytes = await readIfThere(join(directory, MANIFEST_FILE));
    if (bytes === undefined) {
      const versions = await this.versions(name);
      if (!versions.includes(version)) throw await this.noVersion(name, `${ifMissing} ${version}`);
      throw new TriplineError("model-refused", `${what}: ${MANIFEST_FILE} is missing.`);
    }
    const manifest = parseJson(manifestSchema, bytes.toString("utf8"), `${what}: ${MANIFEST_FILE}`);
    if (manifest.name !== name || manifest.version !== version) {
      throw new TriplineError(
        "model-refused",
        `${what}: ${MANIFEST_FILE} is that of ${manifest.name} ${manifest.version}.`,
      );
    }
    return { manifest, directory };
  }

  private async aliases(name: string): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const alias of await finished(join(this.modelPath(name), "aliases"))) {
      const text = await readIfThere(this.aliasPath(name, alias));
      if (text !== undefined) found.set(alias, text.toString("utf8").trim());
    }
    return found;
  }

  private async noModel(name: string): Promise<TriplineError> {
    const names = await this.models();
    return new TriplineError("model-not-found", `There is no model ${name}. ${known("Models", names)}`);
  }

  private async noVersion(name: string, sentence: string): Promise<TriplineError> {
    const versions = await this.versions(name);
    if (versions.length === 0) return this.noModel(name);
    return new TriplineError("model-not-found", `${sentence}. ${known("Versions", versions)}`);
  }

  private async noAlias(name: string, alias: string): Promise<TriplineError> {
    if ((await this.versions(name)).length === 0) return this.noModel(name);
    const aliases = [...(await this.aliases(name)).keys()];
    return new TriplineError("model-not-found", `Model ${name} has no alias "${alias}". ${known("Aliases", aliases)}`);
  }

  private modelPath(name: string): string {
    return join(this.root, "models", name);
  }

  private versionPath(name: string, version: string): string {
    return join(this.modelPath(name), "versions", version);
  }

  private aliasPath(name: string, alias: string): string {
    return join(this.modelPath(name), "aliases", alias);
  }
}

/** Names become paths, so nothing else gets past here. */
function checkName(text: string, what: "name" | "alias"): void {
  const result = nameSchema.safeParse(text);
  if (result.success) return;
  throw new TriplineError("invalid-field", `"${text}" is no model ${what}: it ${result.error.issues[0]?.message}.`);
}

/** Most names that a sentence lists. */
const NAMES_LISTED_MAX = 10;

function known(what: string, names: readonly string[]): string {
  if (names.length === 0) return "There are none yet.";
  const more = names.length > NAMES_LISTED_MAX ? `, and ${names.length - NAMES_LISTED_MAX} more` : "";
  return `${what} are ${names.slice(0, NAMES_LISTED_MAX).join(", ")}${more}.`;
}

function checkSameMeaning(there: ModelManifest, given: ModelManifest): void {
  for (const key of ["feature_spec_version", "features", "input", "output"] as const) {
    if (isDeepStrictEqual(there[key], given[key])) continue;
    throw new TriplineError(
      "model-refused",
      `Model ${there.name} ${there.version} was published before with another "${key}"; one model cannot mean two things.`,
    );
  }
}

async function readVerified(path: string, sha256: string, what: string): Promise<Buffer> {
  const bytes = await readIfThere(path);
  const file = path.endsWith(MODEL_FILE) ? MODEL_FILE : GOLDEN_FILE;
  if (bytes === undefined) throw new TriplineError("model-refused", `${what}: ${file} is missing.`);
  if (sha256Hex(bytes) === sha256) return bytes;
  throw new TriplineError("model-refused", `${what}: ${file} is not the file that was published; its sha256 differs.`);
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return stored(async () => {
    try {
      return await readFile(path);
    } catch (error) {
      if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return undefined;
      throw error;
    }
  });
}

function finished(directory: string): Promise<string[]> {
  return stored(() => readFinished(directory));
}

/** Faults of the file system, as the one error class. */
async function stored<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("internal", `The model registry cannot be used: ${reason}.`, [], { cause: error });
  }
}
