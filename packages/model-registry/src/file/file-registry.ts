import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { checkMove, checkName, known } from "../check-names.js";
import { composeMove } from "../compose-move.js";
import { listVersions } from "../list-versions.js";
import type { ModelManifest } from "../model-manifest.js";
import {
  GOLDEN_FILE,
  isVersion,
  MANIFEST_FILE,
  MODEL_FILE,
  manifestSchema,
  nameSchema,
  parseJson,
  SCORECARD_FILE,
  TWIN_FILE,
} from "../model-manifest.js";
import type {
  AliasMove,
  ListedVersion,
  ModelVersion,
  MoveOptions,
  Publication,
  RecordingRegistry,
} from "../model-registry.js";
import { checkSameMeaning, preparePublication, verified, verifyFiles } from "../prepare-publication.js";
import { AliasHistory } from "./alias-history.js";
import { isCode, readFinished, writeDirectory, writeFileAtomically } from "./write-atomically.js";

/**
 * A registry in a directory:
 * `models/<name>/versions/<version>/{model.onnx,model.json,golden.json,scorecard.json,twin.onnx}`,
 * `models/<name>/aliases/<alias>` and `models/<name>/history/<number>/move.json`.
 */
export class FileRegistry implements RecordingRegistry {
  constructor(private readonly root: string) {}

  async resolve(name: string, aliasOrVersion: string): Promise<ModelVersion> {
    checkName(name, "name");
    if (isVersion(aliasOrVersion)) return this.read(name, aliasOrVersion, `Model ${name} has no version`);
    const version = await this.aliasTarget(name, aliasOrVersion);
    return this.read(name, version, `The alias "${aliasOrVersion}" of model ${name} points to a missing version:`);
  }

  async aliasTarget(name: string, alias: string): Promise<string> {
    checkName(name, "name");
    checkName(alias, "alias");
    const text = await readIfThere(this.aliasPath(name, alias));
    if (text === undefined) throw await this.noAlias(name, alias);
    const version = text.toString("utf8").trim();
    if (isVersion(version)) return version;
    throw new TriplineError("model-refused", `The alias "${alias}" of model ${name} has no version.`);
  }

  async scorecard(name: string, version: string): Promise<Uint8Array | undefined> {
    checkName(name, "name");
    const { manifest, directory } = await this.readManifest(name, version, `Model ${name} has no version`);
    if (manifest.files[SCORECARD_FILE] === undefined) return undefined;
    return verified(await readIfThere(join(directory, SCORECARD_FILE)), SCORECARD_FILE, manifest);
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
    return listVersions(versions, aliases, async (version) => (await this.readManifest(name, version, "")).manifest);
  }

  async setAlias(name: string, alias: string, version: string, options: MoveOptions = {}): Promise<AliasMove> {
    checkMove(alias, version);
    await this.resolve(name, version);
    const path = this.aliasPath(name, alias);
    const file = {
      read: () => this.currentTarget(name, alias),
      write: (to: string) => writeFileAtomically(path, Buffer.from(`${to}\n`)),
    };
    const wanted = { model: name, alias, to: version, options };
    return stored(() => this.aliasHistory(name).move(file, (from) => composeMove(wanted, from)));
  }

  async history(name: string): Promise<AliasMove[]> {
    if ((await this.versions(name)).length === 0) throw await this.noModel(name);
    return stored(() => this.aliasHistory(name).moves((alias) => this.currentTarget(name, alias)));
  }

  async publish(publication: Publication): Promise<ModelVersion> {
    const { name } = publication;
    const { version, manifest, files } = preparePublication(publication);
    return this.store(name, version, manifest, files);
  }

  /** Adds a version from its files, including the manifest. */
  async store(
    name: string,
    version: string,
    manifest: ModelManifest,
    files: Readonly<Record<string, Uint8Array>>,
  ): Promise<ModelVersion> {
    const isNew = await stored(() => writeDirectory(this.versionPath(name, version), files));
    const published = await this.resolve(name, version);
    if (!isNew) checkSameMeaning(published.manifest, manifest);
    return published;
  }

  private async read(name: string, version: string, ifMissing: string): Promise<ModelVersion> {
    const { manifest, directory } = await this.readManifest(name, version, ifMissing);
    const modelPath = join(directory, MODEL_FILE);
    const modelBytes = await readIfThere(modelPath);
    const goldenBytes = await readIfThere(join(directory, GOLDEN_FILE));
    const twinBytes = await readIfThere(join(directory, TWIN_FILE));
    return verifyFiles({ manifest, directory, modelPath, modelBytes, goldenBytes, twinBytes });
  }

  private async readManifest(
    name: string,
    version: string,
    ifMissing: string,
  ): Promise<{ manifest: ModelManifest; directory: string }> {
    const directory = this.versionPath(name, version);
    const what = `Model ${name} ${version}`;
    let bytes = await readIfThere(join(directory, MANIFEST_FILE));
    if (bytes === undefined) {
      const versions = await this.versions(name);
      if (!versions.includes(version)) throw await this.noVersion(name, `${ifMissing} ${version}`);
      // Another process may have added the version between the two reads; only now is it certain that the manifest is
      // missing.
      bytes = await readIfThere(join(directory, MANIFEST_FILE));
    }
    if (bytes === undefined) throw new TriplineError("model-refused", `${what}: ${MANIFEST_FILE} is missing.`);
    const manifest = parseJson(manifestSchema, bytes.toString("utf8"), `${what}: ${MANIFEST_FILE}`);
    if (manifest.name !== name || manifest.version !== version) {
      throw new TriplineError(
        "model-refused",
        `${what}: ${MANIFEST_FILE} belongs to ${manifest.name} ${manifest.version}.`,
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

  /** The version in the alias file; null if the file is missing or empty. */
  private async currentTarget(name: string, alias: string): Promise<string | null> {
    const version = (await readIfThere(this.aliasPath(name, alias)))?.toString("utf8").trim();
    return version !== undefined && isVersion(version) ? version : null;
  }

  private aliasHistory(name: string): AliasHistory {
    return new AliasHistory(join(this.modelPath(name), "history"), name);
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

/** Converts file system errors to a TriplineError. */
async function stored<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TriplineError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new TriplineError("internal", `The model registry is unusable: ${reason}.`, [], { cause: error });
  }
}
