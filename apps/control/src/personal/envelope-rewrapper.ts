import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError } from "@tripline/contracts/error-table";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { FollowedMasterKey } from "@tripline/sealing/followed-master-key";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge } from "@tripline/telemetry/metrics";
import { z } from "zod";

/** Repeated, because ingestion instances with the old master key still create envelopes with it. */
const EVERY_MS = 600_000;
const ROWS_TOGETHER = 100;
/**
 * Failures per run, so that an unavailable key service is not called for thousands of rows. The next run continues
 * after them.
 */
const FAILURES_MAX = 20;

/** Tables of keys that are encrypted with the master key. All have the same columns. */
const TABLES = ["control.envelope_keys", "control.webhook_secrets"] as const;
type WrappedTable = (typeof TABLES)[number];

const envelopeRow = z.object({ id: z.instanceof(Buffer), master_key: z.string(), wrapped: z.instanceof(Buffer) });
const countRow = z.object({ left: z.coerce.number() });

export interface Rewrapped {
  readonly rewrapped: number;
  /** Number of keys still encrypted with an old master key, which must not be removed before this is 0. */
  readonly left: number;
}

/**
 * Re-encrypts envelope keys and webhook secrets with the current master key, so that the old one can be removed. Until
 * then, the old one still decrypts them. Data keys and data stay unchanged.
 */
@Injectable()
export class EnvelopeRewrapper implements OnApplicationBootstrap, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<Rewrapped> | undefined;
  #left = 0;
  /** The last processed key of each table whose run ended early. */
  readonly #after = new Map<WrappedTable, Buffer>();
  readonly #endReading: () => void;

  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(FollowedMasterKey) private readonly masterKey: FollowedMasterKey,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const description =
      "Envelope keys still encrypted with an old master key, which must not be removed until this is 0";
    this.#endReading = gauge("tripline_control_old_envelope_keys", { description }, () => this.#left);
  }

  onApplicationBootstrap(): void {
    const look = (): void => void this.rewrap().catch(() => undefined);
    this.#timer = setInterval(look, EVERY_MS).unref();
    this.masterKey.follow({
      onChanged: look,
      onFault: (sentence) => this.logger.error({ code: "config-invalid" }, `the master key is unchanged: ${sentence}`),
    });
    look();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    this.masterKey.close();
    await closeWithin(this.logger, "master key", async () => {
      await this.#running?.catch(() => undefined);
    });
    this.#endReading();
  }

  /** @throws TriplineError `database-unavailable` */
  async rewrap(): Promise<Rewrapped> {
    // A run in progress may have started with the old key.
    await this.#running?.catch(() => undefined);
    this.#running = this.#rewrapAll();
    return this.#running;
  }

  async #rewrapAll(): Promise<Rewrapped> {
    const { name } = this.masterKey;
    let [rewrapped, left] = [0, 0];
    for (const table of TABLES) {
      rewrapped += await this.#rewrapTable(table, name);
      const count = `SELECT count(*) AS left FROM ${table} WHERE master_key <> $1`;
      const [row] = await this.database.query(countRow, count, [name]);
      left += row?.left ?? 0;
    }
    this.#left = left;
    if (rewrapped > 0) this.logger.info({ rewrapped, left }, "envelope keys are now encrypted with the new master key");
    return { rewrapped, left };
  }

  /** @returns the number of changed rows */
  async #rewrapTable(table: WrappedTable, name: string): Promise<number> {
    let [rewrapped, failures] = [0, 0];
    let after = this.#after.get(table) ?? Buffer.alloc(0);
    for (let isMore = true; isMore; ) {
      const rows = await this.database.query(
        envelopeRow,
        `SELECT id, master_key, wrapped FROM ${table} WHERE master_key <> $1 AND id > $2 ORDER BY id LIMIT ${ROWS_TOGETHER}`,
        [name, after],
      );
      for (const row of rows) {
        const changed = await this.#rewrapOne(table, row, name);
        if (changed === undefined) failures += 1;
        rewrapped += changed ?? 0;
        after = row.id;
        if (failures === FAILURES_MAX) break;
      }
      isMore = rows.length === ROWS_TOGETHER && failures < FAILURES_MAX;
    }
    this.#after.set(table, failures < FAILURES_MAX ? Buffer.alloc(0) : after);
    return rewrapped;
  }

  /** @returns the number of changed rows: 0 if another instance was first; undefined if the key cannot be unwrapped */
  async #rewrapOne(
    table: WrappedTable,
    { id, master_key: before, wrapped }: z.infer<typeof envelopeRow>,
    name: string,
  ): Promise<number | undefined> {
    try {
      const again = await this.masterKey.wrap(await this.masterKey.unwrap(wrapped));
      return await this.database.execute(
        `UPDATE ${table} SET master_key = $3, wrapped = $4 WHERE id = $1 AND master_key = $2`,
        [id, before, name, again],
      );
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      this.logger.warn(
        { code, master_key: before },
        `an envelope key is still encrypted with an old master key: ${message}`,
      );
      return undefined;
    }
  }
}
