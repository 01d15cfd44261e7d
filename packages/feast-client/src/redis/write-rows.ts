import { Command } from "ioredis";
import type { Call } from "../call-policy.js";
import { FeastError } from "../feast-error.js";
import type { EntityRow } from "../online-features.js";
import type { FeatureView } from "../registry/feature-registry.js";
import { storedViewName } from "../registry/feature-registry.js";
import type { RegistryIndex } from "../registry/resolve-features.js";
import { encodeValue } from "../values/encode-value.js";
import { encodeTimestamp } from "../values/timestamp.js";
import { EntityKeyEncoder } from "./entity-key.js";
import { featureField, timestampField } from "./hash-field.js";
import { vectorArguments, WRITE_VECTORS } from "./precomputed-vectors.js";
import type { CommandSender } from "./send-commands.js";

const ROWS_PER_ROUND_TRIP = 1_000;

export interface WriteRow {
  readonly entity: EntityRow;
  /** Must contain every feature of the view, because they share one timestamp. Use null for a missing value. */
  readonly features: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds, microseconds as a fraction. */
  readonly eventTimestampMs: number;
}

export interface WriteRequest {
  /** `view`, or `view@v2` if the registry keeps versions online. */
  readonly featureView: string;
  readonly rows: readonly WriteRow[];
}

export interface WriteResult {
  readonly written: number;
  /** Number of rows that were not newer than the stored rows. */
  readonly skipped: number;
}

/**
 * Compares the stored timestamp of the view with the row's timestamp and writes the row if it is newer. Returns 1 if
 * written, otherwise 0.
 * KEYS: the hash. ARGV: timestamp field, serialised timestamp, seconds to live or 0, serialised current time, number of
 * fields and values, those fields and values, then the vectors that the row is part of.
 * A serialised google.protobuf.Timestamp is read as varints: seconds under tag 8, nanoseconds under tag 16.
 */
const WRITE_IF_NEWER = `
local function read(bytes)
  local seconds, nanos, at = 0, 0, 1
  while at <= #bytes do
    local tag, value, scale, byte = bytes:byte(at), 0, 1, 128
    at = at + 1
    while byte and byte >= 128 do
      byte = bytes:byte(at)
      if not byte then return 0, 0 end
      value = value + (byte % 128) * scale
      scale = scale * 128
      at = at + 1
    end
    if tag == 8 then seconds = value elseif tag == 16 then nanos = value end
  end
  return seconds, nanos
end
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored then
  local seconds, nanos = read(stored)
  local newSeconds, newNanos = read(ARGV[2])
  if newSeconds < seconds or (newSeconds == seconds and newNanos <= nanos) then return 0 end
end
local now, next = ARGV[4], 6 + tonumber(ARGV[5])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], unpack(ARGV, 6, next - 1))
${WRITE_VECTORS}
if ARGV[3] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1
`;

/** Writes rows into Feast's layout. */
export class RowWriter {
  constructor(
    private readonly index: RegistryIndex,
    private readonly sender: CommandSender,
    private readonly keyTtlSeconds: number,
  ) {
    if (Number.isInteger(keyTtlSeconds) && keyTtlSeconds >= 0) return;
    throw new FeastError("invalid-request", "keyTtlSeconds must be a whole number of at least 0.", "keyTtlSeconds");
  }

  /** Checks all rows before writing the first one. */
  async write(request: WriteRequest, call: Call): Promise<WriteResult> {
    const view = this.index.viewNamed(request.featureView);
    const encode = this.rowEncoder(view);
    const commands = request.rows.map((row, index) => encode(row, index));
    let written = 0;
    for (let start = 0; start < commands.length; start += ROWS_PER_ROUND_TRIP) {
      const replies = await this.sender.send(commands.slice(start, start + ROWS_PER_ROUND_TRIP), call);
      written += replies.filter((reply) => reply === 1).length;
    }
    return { written, skipped: commands.length - written };
  }

  private rowEncoder(view: FeatureView): (row: WriteRow, index: number) => Command {
    const { registry } = this.index;
    const storedName = storedViewName(view, registry);
    const joinKeys = Object.entries(view.joinKeys).map(([name, type]) => ({ name, storedName: name, type }));
    const key = new EntityKeyEncoder(joinKeys, registry.project);
    const timestamp = timestampField(storedName);
    const features = Object.entries(view.features).map(([name, type]) => {
      if (type === "UNKNOWN") {
        const message = `${view.name}:${name} has a type that this client does not know and cannot write.`;
        throw new FeastError("unsupported", message, `${view.name}:${name}`);
      }
      return { name, type, field: featureField(storedName, name) };
    });
    const vectors = vectorArguments(registry, view);
    const now = Buffer.from(encodeTimestamp(Date.now(), "now"));
    return (row, index) => {
      refuseOtherNames(view, row, index);
      const values = features.flatMap(({ name, type, field }) => {
        const reference = `${view.name}:${name}`;
        return [field, Buffer.from(encodeValue(type, row.features[name], reference))];
      });
      const eventTimestamp = Buffer.from(encodeTimestamp(row.eventTimestampMs, `eventTimestampMs of row ${index}`));
      const redisKey = key.encode(row.entity, index);
      const ttl = String(this.keyTtlSeconds);
      const counted = [String(values.length), ...values];
      return new Command("eval", [
        ...[WRITE_IF_NEWER, "1", redisKey, timestamp, eventTimestamp, ttl, now, ...counted, ...vectors],
      ]);
    };
  }
}

function refuseOtherNames(view: FeatureView, { entity, features }: WriteRow, index: number): void {
  for (const name of Object.keys(entity)) {
    if (Object.hasOwn(view.joinKeys, name)) continue;
    const message = `Row ${index} has the join key ${name}, but the join keys of ${view.name} are: ${Object.keys(view.joinKeys).join(", ") || "none"}.`;
    throw new FeastError("unknown-entity", message, name);
  }
  const unknown = Object.keys(features).find((name) => !Object.hasOwn(view.features, name));
  if (unknown === undefined) return;
  const message = `Row ${index} has the feature ${unknown}, which is not part of ${view.name}.`;
  throw new FeastError("unknown-feature", message, `${view.name}:${unknown}`);
}
