import { createHash } from "node:crypto";
import type { BeforeApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { requestRedis } from "@tripline/stores/redis/connect-redis";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge } from "@tripline/telemetry/metrics";
import type { Redis } from "ioredis";
import { z } from "zod";
import { ERASING } from "../features.tokens.js";
import type { ItemScan } from "./scan-keys.js";
import { scanKeys } from "./scan-keys.js";

/** Redis key of a scan's progress. */
export const SCAN_KEY = "erasure-scan";

/** Share of the server's time. The server needs about 0.8 s for a million keys, so their scan takes about 40 s. */
const SHARE_DEFAULT = 0.02;
const SAVE_EVERY_MS_DEFAULT = 1_000;
const SAY_EVERY_MS = 30_000;
/** Time after which an abandoned scan expires. */
const EXPIRY_S = 7 * 86_400;

const progress = z.object({
  /** Identifies the purpose of the scan: the number of items and their digest. */
  items: z.int().positive(),
  digest: z.string(),
  /** A cursor is valid only for the server process that returned it. */
  runId: z.string(),
  cursor: z.string(),
  looked: z.int(),
});
type Progress = z.infer<typeof progress>;
/** Without a readable cursor, the scan starts again. */
const storedProgress = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "is not JSON" });
      return z.NEVER;
    }
  })
  .pipe(progress);

/**
 * Scans all keys of the states' Redis slowly, and resumes after a restart of this service. The consumer of a topic with
 * one partition runs it, one scan at a time. If two instances run it briefly, both scan the same keys.
 */
@Injectable()
export class KeyScan implements ItemScan, BeforeApplicationShutdown {
  readonly #closing = new AbortController();
  #looked = 0;
  readonly #endReading: () => void;

  constructor(
    @InjectRedis(ERASING) private readonly redis: Redis,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly options: { readonly share?: number; readonly saveEveryMs?: number } = {},
  ) {
    const description = "Redis keys examined so far by the scan for states of erased people; 0 if no scan is running";
    this.#endReading = gauge("tripline_features_erasure_scan_keys", { description }, () => this.#looked);
  }

  /** Must run before the consumer waits for its handler. */
  beforeApplicationShutdown(): void {
    this.#closing.abort(
      new TriplineError("shutting-down", "The scan for states of erased people resumes after a restart."),
    );
    this.#endReading();
  }

  async begun(items: readonly string[]): Promise<number> {
    const stored = await this.#read();
    if (stored === undefined) return 0;
    return digestOf(items.slice(0, stored.items)) === stored.digest ? stored.items : 0;
  }

  async run(
    items: readonly string[],
    match: string,
    handle: (keys: readonly Buffer[]) => Promise<void>,
  ): Promise<void> {
    const { share = SHARE_DEFAULT, saveEveryMs = SAVE_EVERY_MS_DEFAULT } = this.options;
    const digest = digestOf(items);
    const [runId, keys] = await this.#server();
    const stored = await this.#read();
    const isSame = stored?.digest === digest && stored.runId === runId && runId !== "";
    const start = isSame ? stored : { cursor: "0", looked: 0 };
    const log = this.logger.child({ people: items.length, keys });
    log.info({ looked: start.looked }, "scanning all keys for states of erased cards");
    try {
      this.#looked = start.looked;
      let [savedAtMs, saidAtMs] = [performance.now(), performance.now()];
      const pages = scanKeys(this.redis, { match, cursor: start.cursor, share, signal: this.#closing.signal });
      for await (const page of pages) {
        await handle(page.keys);
        this.#looked += page.looked;
        const nowMs = performance.now();
        if (nowMs - savedAtMs >= saveEveryMs) {
          await this.#save({ items: items.length, digest, runId, cursor: page.cursor, looked: this.#looked });
          savedAtMs = nowMs;
        }
        if (nowMs - saidAtMs < SAY_EVERY_MS) continue;
        log.info({ looked: this.#looked }, "scanning all keys for states of erased cards");
        saidAtMs = nowMs;
      }
      await requestRedis(() => this.redis.del(SCAN_KEY));
    } finally {
      this.#looked = 0;
    }
  }

  async #read(): Promise<Progress | undefined> {
    const text = await requestRedis(() => this.redis.get(SCAN_KEY));
    return storedProgress.safeParse(text).data;
  }

  async #save(now: Progress): Promise<void> {
    await requestRedis(() => this.redis.set(SCAN_KEY, JSON.stringify(now), "EX", EXPIRY_S));
  }

  /** The id of the server process, or empty if it is unknown, and the number of keys. */
  async #server(): Promise<readonly [string, number]> {
    const [server, keyspace] = await requestRedis(() =>
      Promise.all([this.redis.info("server"), this.redis.info("keyspace")]),
    );
    const keys = [...keyspace.matchAll(/^db\d+:keys=(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    return [/^run_id:(\S+)/m.exec(server)?.[1] ?? "", keys];
  }
}

function digestOf(items: readonly string[]): string {
  return createHash("sha256").update(items.join("\n")).digest("hex");
}
