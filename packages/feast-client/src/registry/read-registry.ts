import { readFile } from "node:fs/promises";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { FeastError, messageOf } from "../feast-error.js";
import type { JoinKeyType } from "../values/value-types.js";
import { JOIN_KEY_TYPES, valueTypeOf } from "../values/value-types.js";
import type {
  FeatureProjection,
  FeatureRegistry,
  FeatureService,
  FeatureType,
  FeatureView,
} from "./feature-registry.js";

// Field numbers: https://github.com/feast-dev/feast/tree/v0.66.0/protos/feast/core. A message is parsed into its fields
// by number, because only a few of its many fields are needed.

/** Feast's name for the entity of a view without entities, and for its join key. */
const DUMMY_ENTITY = "__dummy";

/** Feast's REGISTRY_SCHEMA_VERSION. */
const SCHEMA_VERSION = "1";

/** PDF_BYTES and IMAGE_BYTES, which are separate types in Feast's registry but stored as bytes. */
const BYTES_TYPES = new Set([30, 31]);

type Field = Uint8Array | number | bigint;

/** The fields of one message by number, each in its original order. */
class Message {
  private readonly fields = new Map<number, Field[]>();

  constructor(bytes: Uint8Array) {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag();
      if (wireType === 2) this.add(number, reader.bytes());
      else if (wireType === 0) this.add(number, BigInt(reader.int64()));
      else reader.skip(wireType, number);
    }
  }

  private add(number: number, field: Field): void {
    const fields = this.fields.get(number);
    if (fields === undefined) this.fields.set(number, [field]);
    else fields.push(field);
  }

  bytes(number: number): Uint8Array[] {
    return (this.fields.get(number) ?? []).filter((field) => field instanceof Uint8Array);
  }

  messages(number: number): Message[] {
    return this.bytes(number).map((bytes) => new Message(bytes));
  }

  /** A missing message is treated like a message without fields. */
  message(number: number): Message {
    return this.messages(number).at(-1) ?? new Message(new Uint8Array());
  }

  texts(number: number): string[] {
    return this.bytes(number).map((bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  }

  text(number: number): string {
    return this.texts(number).at(-1) ?? "";
  }

  /** Undefined if missing. */
  integer(number: number): number | undefined {
    const field = this.fields.get(number)?.at(-1);
    return typeof field === "bigint" ? Number(field) : undefined;
  }
}

export interface RegistryOptions {
  readonly project: string;
  /** Feast's `registry.enable_online_feature_view_versioning` in feature_store.yaml. Default: false. */
  readonly keepsVersionsOnline?: boolean;
}

/**
 * Parses one project of a Feast file registry (`registry.db`, a serialised `feast.core.Registry`).
 *
 * @throws FeastError `malformed-response` if the bytes are not a registry, `invalid-request` if it has no such project
 */
export function parseRegistry(bytes: Uint8Array, options: RegistryOptions): FeatureRegistry {
  try {
    return readProject(new Message(bytes), options);
  } catch (error) {
    if (error instanceof FeastError) throw error;
    const message = `The registry is not a serialised feast.core.Registry: ${messageOf(error)}.`;
    throw new FeastError("malformed-response", message, "registry", { cause: error });
  }
}

/**
 * Reads a Feast file registry: the path under `registry` in feature_store.yaml. For a registry in an object store, load
 * its bytes and pass them to `parseRegistry`. SQL registries are not supported.
 *
 * @throws FeastError `unavailable` if the file cannot be read; errors of `parseRegistry`
 */
export async function readRegistry(path: string, options: RegistryOptions): Promise<FeatureRegistry> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new FeastError("unavailable", `The registry ${path} cannot be read: ${messageOf(error)}.`, path, {
      cause: error,
    });
  }
  return parseRegistry(bytes, options);
}

function readProject(registry: Message, options: RegistryOptions): FeatureRegistry {
  const { project } = options;
  refuseNewerSchema(registry);
  refuseMissingProject(registry, project);
  const entities = new Map(
    registry
      .messages(1)
      .map((entity) => entity.message(1))
      .filter((spec) => spec.text(9) === project)
      .map((spec) => [spec.text(1), { joinKey: spec.text(4), type: spec.integer(2) ?? 0 }]),
  );
  const ofProject = (view: Message) => view.message(1).text(2) === project;
  const featureViews = [
    ...registry
      .messages(6)
      .filter(ofProject)
      .map((view) => readView(view, entities, PLAIN)),
    ...registry
      .messages(14)
      .filter(ofProject)
      .map((view) => readView(view, entities, STREAM)),
  ];
  const history = registry
    .message(18)
    .messages(1)
    .filter((record) => record.text(2) === project);
  return {
    project,
    featureViews,
    formerVersions: history.flatMap((record) => readFormerVersion(record, entities)),
    featureServices: registry
      .messages(7)
      .filter((service) => service.message(1).text(2) === project)
      .map(readService),
    onDemandFeatureViews: registry
      .messages(8)
      .filter(ofProject)
      .map((view) => view.message(1).text(1)),
    keepsVersionsOnline: options.keepsVersionsOnline ?? false,
  };
}

/** Feast increments the schema version for incompatible changes. A registry that Feast has not saved yet has none. */
function refuseNewerSchema(registry: Message): void {
  const version = registry.text(3);
  if (version === "" || version === SCHEMA_VERSION) return;
  const message = `The registry has schema version ${version}, but this client reads version ${SCHEMA_VERSION}: a newer version of Feast wrote the registry.`;
  throw new FeastError("unsupported", message, "registry");
}

function refuseMissingProject(registry: Message, project: string): void {
  const projects = new Set([
    ...registry.messages(17).map((entry) => entry.message(1).text(1)),
    ...registry.messages(15).map((metadata) => metadata.text(1)),
  ]);
  if (projects.has(project)) return;
  const message = `The registry has no project ${project}; it has ${[...projects].join(", ") || "none"}.`;
  throw new FeastError("invalid-request", message, "project");
}

type Entities = ReadonlyMap<string, { readonly joinKey: string; readonly type: number }>;

/** The field numbers of a view specification's time to live and entity columns. */
interface ViewFields {
  readonly ttl: number;
  readonly entityColumns: number;
}

const PLAIN: ViewFields = { ttl: 6, entityColumns: 12 };
const STREAM: ViewFields = { ttl: 9, entityColumns: 5 };

/** By the type in a record of the version history. */
const VIEW_FIELDS = new Map([
  ["feature_view", PLAIN],
  ["stream_feature_view", STREAM],
]);

function readView(view: Message, entities: Entities, fields: ViewFields): FeatureView {
  const spec = view.message(1);
  const name = spec.text(1);
  const features = spec
    .messages(4)
    .map((column): [string, FeatureType] => [column.text(1), featureType(column.integer(2) ?? 0)]);
  const ttl = spec.message(fields.ttl);
  const maxAgeMs = (ttl.integer(1) ?? 0) * 1_000 + (ttl.integer(2) ?? 0) / 1_000_000;
  return {
    name,
    joinKeys: readJoinKeys(spec, entities, fields, name),
    features: Object.fromEntries(features),
    maxAgeMs,
    version: view.message(2).integer(4) ?? 0,
  };
}

function featureType(number: number): FeatureType {
  return BYTES_TYPES.has(number) ? "BYTES" : (valueTypeOf(number) ?? "UNKNOWN");
}

function readJoinKeys(
  spec: Message,
  entities: Entities,
  fields: ViewFields,
  view: string,
): Record<string, JoinKeyType> {
  const columns = new Map(
    spec.messages(fields.entityColumns).map((column) => [column.text(1), column.integer(2) ?? 0]),
  );
  return Object.fromEntries(
    spec
      .texts(3)
      .filter((entity) => entity !== DUMMY_ENTITY)
      .map((entity) => {
        const { joinKey, type } = entities.get(entity) ?? { joinKey: entity, type: 0 };
        return [joinKey, joinKeyType(columns.get(joinKey) ?? type, `${view}:${joinKey}`)];
      }),
  );
}

function joinKeyType(number: number, field: string): JoinKeyType {
  const type = valueTypeOf(number);
  const known = JOIN_KEY_TYPES.find((candidate) => candidate === type);
  if (known !== undefined) return known;
  const message = `The join key ${field} has type ${type ?? number}; Feast can look up entities only by ${JOIN_KEY_TYPES.join(", ")}.`;
  throw new FeastError("unsupported", message, field);
}

/** A record of the version history contains the complete earlier view. */
function readFormerVersion(record: Message, entities: Entities): FeatureView[] {
  const [bytes] = record.bytes(5);
  const fields = VIEW_FIELDS.get(record.text(4));
  if (bytes === undefined || fields === undefined) return [];
  return [{ ...readView(new Message(bytes), entities, fields), version: record.integer(3) ?? 0 }];
}

function readService(service: Message): FeatureService {
  const spec = service.message(1);
  return {
    name: spec.text(1),
    projections: spec.messages(3).map(readProjection),
    ...(spec.integer(8) === 1 ? { precomputesOnline: true } : {}),
  };
}

function readProjection(projection: Message): FeatureProjection {
  const version = projection.integer(10);
  const alias = projection.text(3);
  return {
    featureView: projection.text(1),
    features: projection.messages(2).map((column) => column.text(1)),
    joinKeyMap: Object.fromEntries(projection.messages(4).map((entry) => [entry.text(1), entry.text(2)])),
    ...(version === undefined ? {} : { version }),
    ...(alias === "" ? {} : { alias }),
  };
}
