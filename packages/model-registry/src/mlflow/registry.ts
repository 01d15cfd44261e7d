import { randomBytes } from "node:crypto";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { checkMove, checkName, known } from "../check-names.js";
import { composeMove } from "../compose-move.js";
import { MOVES_KEPT, moveSchema } from "../file/alias-history.js";
import type { ModelCache } from "../model-cache.js";
import type { ModelManifest } from "../model-manifest.js";
import {
  GOLDEN_FILE,
  isVersion,
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
import { checkSameMeaning, preparePublication } from "../prepare-publication.js";
import type { VersionAnswer } from "./answers.js";
import { modelVersion, modelVersions, nothing, registeredModel, registeredModels, tagOf } from "./answers.js";
import type { MlflowClient } from "./client.js";
import { MlflowRefusal, MlflowUnreachable } from "./client.js";
import { MANIFEST_TAG, publishVersion, VERSION_TAG } from "./publish.js";

const PAGE_SIZE = 200;
const PAGES_MAX = 50;
const MOVE_TAG = "tripline.move.";

/** Models in an MLflow tracking server, version 3 or later; README.md describes the mapping. */
export class MlflowRegistry implements RecordingRegistry {
  private isReachable = true;

  constructor(
    private readonly client: MlflowClient,
    private readonly cache: ModelCache,
    /** Called once per outage, when cached data is used instead. */
    private readonly onUnreachable: (sentence: string) => void,
  ) {}

  async resolve(name: string, aliasOrVersion: string): Promise<ModelVersion> {
    checkName(name, "name");
    const version = isVersion(aliasOrVersion) ? aliasOrVersion : await this.aliasTarget(name, aliasOrVersion);
    // Versions are immutable, so reading a cached version does not require the server.
    return (await this.cache.find(name, version)) ?? (await this.#download(await this.#find(name, version)));
  }

  async aliasTarget(name: string, alias: string): Promise<string> {
    checkName(name, "name");
    checkName(alias, "alias");
    try {
      const version = await this.#currentTarget(name, alias);
      if (version === null) throw await this.#noAlias(name, alias);
      this.isReachable = true;
      await this.cache.rememberAlias(name, alias, version);
      return version;
    } catch (error) {
      const remembered = error instanceof MlflowUnreachable ? await this.cache.rememberedAlias(name, alias) : undefined;
      if (remembered === undefined) throw error;
      if (this.isReachable)
        this.onUnreachable(`${asTriplineError(error).message} ${name}@${alias} stays ${remembered}.`);
      this.isReachable = false;
      return remembered;
    }
  }

  async scorecard(name: string, version: string): Promise<Uint8Array | undefined> {
    checkName(name, "name");
    const cached = await this.cache.findScorecard(name, version);
    if (cached !== undefined) return cached;
    const answer = await this.#find(name, version);
    const manifest = manifestOf(answer);
    if (manifest.files[SCORECARD_FILE] === undefined) return undefined;
    return this.cache.storeScorecard(manifest, await this.#downloadFile(answer, manifest, SCORECARD_FILE));
  }

  async models(): Promise<string[]> {
    const names: string[] = [];
    let page_token: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const query = { max_results: String(PAGE_SIZE), page_token };
      const found = await this.client.get(registeredModels, "registered-models/search", query);
      // Other models on the same server do not belong to us.
      const ours = found.registered_models.filter(({ latest_versions }) =>
        latest_versions.some(({ tags }) => tagOf(tags, VERSION_TAG) !== undefined),
      );
      names.push(...ours.map(({ name }) => name).filter((name) => nameSchema.safeParse(name).success));
      page_token = found.next_page_token;
      if (page_token === undefined || page_token === "") break;
    }
    return names.sort();
  }

  async versions(name: string): Promise<string[]> {
    checkName(name, "name");
    return [...(await this.#published(name)).keys()].sort();
  }

  async list(name: string): Promise<ListedVersion[]> {
    const published = await this.#published(checked(name));
    if (published.size === 0) throw await this.#noModel(name);
    const { aliases } = await this.#registered(name);
    // Oldest first, by number.
    return [...published].map(([version, answer]): ListedVersion => {
      const own = aliases.filter((alias) => alias.version === answer.version).map(({ alias }) => alias);
      try {
        return { version, aliases: own, manifest: manifestOf(answer) };
      } catch (error) {
        return { version, aliases: own, fault: asTriplineError(error).message };
      }
    });
  }

  async setAlias(name: string, alias: string, version: string, options: MoveOptions = {}): Promise<AliasMove> {
    checkMove(alias, version);
    await this.resolve(name, version);
    const { version: number } = await this.#find(name, version);
    const from = await this.#currentTarget(name, alias);
    const move = composeMove({ model: name, alias, to: version, options }, from);
    await this.client.post(nothing, "registered-models/alias", { name, alias, version: number });
    if ((await this.#currentTarget(name, alias)) !== version) {
      const sentence = `Another user moved the alias "${alias}" of model ${name} at the same time. Check it and try again.`;
      throw new TriplineError("state-conflict", sentence);
    }
    // Recorded after the move, so that a process that dies in between does not leave a record of a move that did not
    // happen.
    await this.#remember(name, move);
    return move;
  }

  async history(name: string): Promise<AliasMove[]> {
    if ((await this.versions(name)).length === 0) throw await this.#noModel(name);
    const { tags } = await this.#registered(name);
    return moveTags(tags).map(({ key, value }) => parseJson(moveSchema, value, `The tag ${key} of model ${name}`));
  }

  async publish(publication: Publication): Promise<ModelVersion> {
    const prepared = preparePublication(publication);
    const { manifest, version } = prepared;
    const { name } = manifest;
    const there = (await this.#published(name, version)).get(version);
    if (there === undefined) {
      const number = await publishVersion(this.client, prepared);
      const first = await this.#find(name, version);
      // If several processes publish the same model at the same time, the first version is kept.
      if (first.version !== number) await this.client.delete("model-versions/delete", { name, version: number });
    }
    const published = await this.resolve(name, version);
    checkSameMeaning(published.manifest, manifest);
    return published;
  }

  async #download(answer: VersionAnswer): Promise<ModelVersion> {
    const manifest = manifestOf(answer);
    const files: Record<string, Uint8Array> = {};
    const twin = manifest.files[TWIN_FILE] === undefined ? [] : [TWIN_FILE];
    for (const file of [MODEL_FILE, GOLDEN_FILE, ...twin])
      files[file] = await this.#downloadFile(answer, manifest, file);
    return this.cache.store(manifest, files);
  }

  async #downloadFile(answer: VersionAnswer, manifest: ModelManifest, file: string): Promise<Uint8Array> {
    const bytes = await this.client.download(answer.source, file);
    if (bytes !== undefined) return bytes;
    const what = `Model ${manifest.name} ${manifest.version}: ${file} is missing in MLflow`;
    throw new TriplineError("model-refused", `${what} (version ${answer.version}, ${answer.source}).`);
  }

  /** Versions that a registry of this kind has published, oldest first; if a version is given, only that version. */
  async #published(name: string, version?: string): Promise<ReadonlyMap<string, VersionAnswer>> {
    const found: VersionAnswer[] = [];
    let page_token: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const filter = `name='${name}'${version === undefined ? "" : ` and tags.\`${VERSION_TAG}\`='${version}'`}`;
      const query = { filter, max_results: String(PAGE_SIZE), page_token };
      const answer = await this.client.get(modelVersions, "model-versions/search", query);
      found.push(...answer.model_versions.filter(({ status }) => status === "READY"));
      page_token = answer.next_page_token;
      if (page_token === undefined || page_token === "") break;
    }
    found.sort((a, b) => Number(a.version) - Number(b.version));
    const versions = new Map<string, VersionAnswer>();
    for (const one of found) {
      const own = tagOf(one.tags, VERSION_TAG);
      if (own !== undefined && isVersion(own) && !versions.has(own)) versions.set(own, one);
    }
    return versions;
  }

  async #find(name: string, version: string): Promise<VersionAnswer> {
    const found = (await this.#published(name, version)).get(version);
    if (found !== undefined) return found;
    const published = await this.#published(name);
    if (published.size === 0) throw await this.#noModel(name);
    const others = known("Versions", [...published.keys()]);
    throw new TriplineError("model-not-found", `Model ${name} has no version ${version}. ${others}`);
  }

  /** MLflow's current answer; null if the alias does not exist. */
  async #currentTarget(name: string, alias: string): Promise<string | null> {
    let answer: VersionAnswer;
    try {
      answer = (await this.client.get(modelVersion, "registered-models/alias", { name, alias })).model_version;
    } catch (error) {
      if (error instanceof MlflowRefusal && ABSENT.includes(error.errorCode)) return null;
      throw error;
    }
    const version = tagOf(answer.tags, VERSION_TAG);
    if (version !== undefined && isVersion(version)) return version;
    throw new TriplineError(
      "model-refused",
      `The alias "${alias}" of model ${name} points to MLflow version ${answer.version}, which Tripline did not publish.`,
    );
  }

  async #remember(name: string, move: AliasMove): Promise<void> {
    const key = `${MOVE_TAG}${move.at}.${randomBytes(4).toString("hex")}`;
    await this.client.post(nothing, "registered-models/set-tag", { name, key, value: JSON.stringify(move) });
    const { tags } = await this.#registered(name);
    for (const old of moveTags(tags).slice(0, -MOVES_KEPT)) {
      await this.client.delete("registered-models/delete-tag", { name, key: old.key }).catch(ignoreAbsent);
    }
  }

  async #registered(name: string) {
    return (await this.client.get(registeredModel, "registered-models/get", { name })).registered_model;
  }

  async #noModel(name: string): Promise<TriplineError> {
    return new TriplineError("model-not-found", `There is no model ${name}. ${known("Models", await this.models())}`);
  }

  async #noAlias(name: string, alias: string): Promise<TriplineError> {
    if ((await this.versions(name)).length === 0) return this.#noModel(name);
    const aliases = (await this.#registered(name)).aliases.map((item) => item.alias);
    return new TriplineError("model-not-found", `Model ${name} has no alias "${alias}". ${known("Aliases", aliases)}`);
  }
}

/** MLflow's codes for a missing model or alias. */
const ABSENT: readonly string[] = ["RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"];

function ignoreAbsent(error: unknown): void {
  if (!(error instanceof MlflowRefusal)) throw error;
}

function checked(name: string): string {
  checkName(name, "name");
  return name;
}

/** Tags that record moves, oldest first, because their names start with the time. */
function moveTags(tags: VersionAnswer["tags"]): VersionAnswer["tags"] {
  return tags.filter(({ key }) => key.startsWith(MOVE_TAG)).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function manifestOf({ name, version: number, tags }: VersionAnswer): ModelManifest {
  const what = `Model ${name}: the tag ${MANIFEST_TAG} of version ${number} of MLflow`;
  const manifest = parseJson(manifestSchema, tagOf(tags, MANIFEST_TAG) ?? "", what);
  if (manifest.name === name && manifest.version === tagOf(tags, VERSION_TAG)) return manifest;
  throw new TriplineError("model-refused", `${what} belongs to ${manifest.name} ${manifest.version}.`);
}
