import { randomUUID } from "node:crypto";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { ObjectStore } from "@tripline/object-store/object-store";
import { z } from "zod";
import { checkMove, checkName, known } from "../check-names.js";
import { composeMove } from "../compose-move.js";
import { moveSchema } from "../file/alias-history.js";
import { listVersions } from "../list-versions.js";
import type { ModelCache } from "../model-cache.js";
import type { ModelManifest } from "../model-manifest.js";
import {
  isVersion,
  MANIFEST_FILE,
  manifestSchema,
  nameSchema,
  parseJson,
  SCORECARD_FILE,
  sha256Hex,
  versionSchema,
} from "../model-manifest.js";
import type {
  AliasMove,
  ListedVersion,
  ModelVersion,
  MoveOptions,
  Publication,
  RecordingRegistry,
} from "../model-registry.js";
import { checkSameMeaning, preparePublication } from "../prepare-publication.js";

/** Maximum retries of a move after conflicts with other moves. */
const MOVE_TRIES_MAX = 100;
/** Maximum moves that `history` reads. */
const MOVES_READ_MAX = 200;
const NUMBER_DIGITS = 8;

const recordSchema = moveSchema.extend({
  /** Random; distinguishes a writer's own record from an otherwise identical record. */
  id: z.uuid(),
  /** The target of every alias of the model after this move. */
  aliases: z.record(z.string(), versionSchema),
});

type MoveRecord = z.infer<typeof recordSchema>;

/**
 * A registry in an object store: `models/<name>/files/<sha256>` are the files of versions,
 * `models/<name>/versions/<version>/model.json` is a manifest, which makes its version visible, and
 * `models/<name>/moves/<number>.json` are the alias moves; the last one has the targets of all aliases. Only one writer
 * can create a manifest or take a number.
 *
 * Versions are read through a cache in a folder. While the store is unavailable, aliases keep their last known targets.
 */
export class StoreRegistry implements RecordingRegistry {
  #store: Promise<ObjectStore> | undefined;
  #isProved = false;
  #isReachable = true;

  constructor(
    private readonly open: () => Promise<ObjectStore>,
    private readonly cache: ModelCache,
    /** Called once per outage, when aliases keep their last known targets. */
    private readonly onUnreachable: (sentence: string) => void,
  ) {}

  async resolve(name: string, aliasOrVersion: string): Promise<ModelVersion> {
    checkName(name, "name");
    const version = isVersion(aliasOrVersion) ? aliasOrVersion : await this.aliasTarget(name, aliasOrVersion);
    const cached = await this.cache.find(name, version);
    if (cached !== undefined) return cached;
    const manifest = await this.#manifest(name, version);
    const files = await Promise.all(
      Object.entries(manifest.files).map(
        async ([file, hash]) => [file, await this.#file(manifest, file, hash)] as const,
      ),
    );
    return this.cache.store(manifest, Object.fromEntries(files));
  }

  async aliasTarget(name: string, alias: string): Promise<string> {
    checkName(name, "name");
    checkName(alias, "alias");
    try {
      const version = (await this.#lastMove(name))?.record.aliases[alias];
      if (version === undefined) throw await this.#noAlias(name, alias);
      this.#isReachable = true;
      await this.cache.rememberAlias(name, alias, version);
      return version;
    } catch (error) {
      const isAway = error instanceof TriplineError && error.code === "store-unavailable";
      const remembered = isAway ? await this.cache.rememberedAlias(name, alias) : undefined;
      if (remembered === undefined) throw error;
      if (this.#isReachable)
        this.onUnreachable(`${asTriplineError(error).message} ${name}@${alias} stays ${remembered}.`);
      this.#isReachable = false;
      return remembered;
    }
  }

  async scorecard(name: string, version: string): Promise<Uint8Array | undefined> {
    checkName(name, "name");
    const cached = await this.cache.findScorecard(name, version);
    if (cached !== undefined) return cached;
    const manifest = await this.#manifest(name, version);
    const hash = manifest.files[SCORECARD_FILE];
    if (hash === undefined) return undefined;
    return this.cache.storeScorecard(manifest, await this.#file(manifest, SCORECARD_FILE, hash));
  }

  async models(): Promise<string[]> {
    const { folders } = await (await this.#opened()).listFolder("models/");
    return folders
      .map((folder) => folder.slice("models/".length, -1))
      .filter((name) => nameSchema.safeParse(name).success);
  }

  async versions(name: string): Promise<string[]> {
    checkName(name, "name");
    const prefix = `models/${name}/versions/`;
    const { folders } = await (await this.#opened()).listFolder(prefix);
    return folders.map((folder) => folder.slice(prefix.length, -1)).filter(isVersion);
  }

  async list(name: string): Promise<ListedVersion[]> {
    const versions = await this.versions(name);
    if (versions.length === 0) throw await this.#noModel(name);
    const aliases = Object.entries((await this.#lastMove(name))?.record.aliases ?? {});
    return listVersions(versions, aliases, (version) => this.#manifest(name, version));
  }

  async setAlias(name: string, alias: string, version: string, options: MoveOptions = {}): Promise<AliasMove> {
    checkMove(alias, version);
    await this.resolve(name, version);
    const store = await this.#forWriting();
    for (let tries = 0; tries < MOVE_TRIES_MAX; tries += 1) {
      const last = await this.#lastMove(name);
      const aliases = last?.record.aliases ?? {};
      const move = composeMove({ model: name, alias, to: version, options }, aliases[alias] ?? null);
      const record: MoveRecord = { ...move, id: randomUUID(), aliases: { ...aliases, [alias]: version } };
      const key = moveKey(name, (last?.number ?? 0) + 1);
      if (await store.putIfAbsent(key, `${JSON.stringify(record)}\n`)) return move;
    }
    throw new TriplineError("state-conflict", `Other processes keep moving aliases of model ${name}. Try again.`);
  }

  async history(name: string): Promise<AliasMove[]> {
    if ((await this.versions(name)).length === 0) throw await this.#noModel(name);
    const numbers = (await this.#numbers(name)).slice(-MOVES_READ_MAX);
    return Promise.all(
      numbers.map(async (number) => {
        const { id: _id, aliases: _aliases, ...move } = await this.#move(name, number);
        return move;
      }),
    );
  }

  async publish(publication: Publication): Promise<ModelVersion> {
    const { manifest, files } = preparePublication(publication);
    return this.store(manifest, files);
  }

  /** Adds a version with the files that its manifest lists. Ignores other files. */
  async store(manifest: ModelManifest, files: Readonly<Record<string, Uint8Array>>): Promise<ModelVersion> {
    const { name, version } = manifest;
    const store = await this.#forWriting();
    for (const [file, hash] of Object.entries(manifest.files)) {
      const bytes = files[file];
      if (bytes === undefined || sha256Hex(bytes) !== hash) {
        throw new TriplineError("model-refused", `Model ${name} ${version}: ${file} does not match the manifest.`);
      }
      await store.put(fileKey(name, hash), bytes);
    }
    // The manifest makes the version visible, so it is written after all files that it lists.
    const isNew = await store.putIfAbsent(manifestKey(name, version), `${JSON.stringify(manifest, null, 2)}\n`);
    const published = await this.resolve(name, version);
    if (!isNew) checkSameMeaning(published.manifest, manifest);
    return published;
  }

  #opened(): Promise<ObjectStore> {
    this.#store ??= this.open();
    return this.#store;
  }

  async #forWriting(): Promise<ObjectStore> {
    const store = await this.#opened();
    if (!this.#isProved) await store.requireConditions();
    this.#isProved = true;
    return store;
  }

  async #manifest(name: string, version: string): Promise<ModelManifest> {
    const bytes = await (await this.#opened()).get(manifestKey(name, version));
    if (bytes === undefined) throw await this.#noVersion(name, version);
    const what = `Model ${name} ${version}: ${MANIFEST_FILE}`;
    const manifest = parseJson(manifestSchema, Buffer.from(bytes).toString("utf8"), what);
    if (manifest.name === name && manifest.version === version) return manifest;
    throw new TriplineError("model-refused", `${what} belongs to ${manifest.name} ${manifest.version}.`);
  }

  async #file({ name, version }: ModelManifest, file: string, hash: string): Promise<Uint8Array> {
    const bytes = await (await this.#opened()).get(fileKey(name, hash));
    if (bytes === undefined) throw new TriplineError("model-refused", `Model ${name} ${version}: ${file} is missing.`);
    return bytes;
  }

  async #lastMove(name: string): Promise<{ readonly number: number; readonly record: MoveRecord } | undefined> {
    const number = (await this.#numbers(name)).at(-1);
    return number === undefined ? undefined : { number, record: await this.#move(name, number) };
  }

  async #move(name: string, number: number): Promise<MoveRecord> {
    const bytes = await (await this.#opened()).get(moveKey(name, number));
    const text = Buffer.from(bytes ?? []).toString("utf8");
    return parseJson(recordSchema, text, `Move ${number} of model ${name}`);
  }

  /** Ascending. */
  async #numbers(name: string): Promise<number[]> {
    const prefix = `models/${name}/moves/`;
    const { objects } = await (await this.#opened()).listFolder(prefix);
    return objects.flatMap(({ key }) => {
      const [, digits] = /^(\d{8})\.json$/.exec(key.slice(prefix.length)) ?? [];
      return digits === undefined ? [] : [Number(digits)];
    });
  }

  async #noModel(name: string): Promise<TriplineError> {
    const names = await this.models();
    return new TriplineError("model-not-found", `There is no model ${name}. ${known("Models", names)}`);
  }

  async #noVersion(name: string, version: string): Promise<TriplineError> {
    const versions = await this.versions(name);
    if (versions.length === 0) return this.#noModel(name);
    const sentence = `Model ${name} has no version ${version}. ${known("Versions", versions)}`;
    return new TriplineError("model-not-found", sentence);
  }

  async #noAlias(name: string, alias: string): Promise<TriplineError> {
    if ((await this.versions(name)).length === 0) return this.#noModel(name);
    const aliases = Object.keys((await this.#lastMove(name))?.record.aliases ?? {});
    return new TriplineError("model-not-found", `Model ${name} has no alias "${alias}". ${known("Aliases", aliases)}`);
  }
}

const fileKey = (name: string, hash: string) => `models/${name}/files/${hash}`;

const manifestKey = (name: string, version: string) => `models/${name}/versions/${version}/${MANIFEST_FILE}`;

const moveKey = (name: string, number: number) =>
  `models/${name}/moves/${String(number).padStart(NUMBER_DIGITS, "0")}.json`;
