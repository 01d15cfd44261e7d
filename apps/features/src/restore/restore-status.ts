import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { Readiness } from "@tripline/nest-kit/readiness";
import { InjectRedis } from "@tripline/nest-kit/redis/redis.module";
import { gauge } from "@tripline/telemetry/metrics";
import type { Redis } from "ioredis";
import { HOLD } from "../features.tokens.js";
import { LossReport } from "../states/loss-report.js";
import { StateStore } from "../states/state-store.js";
import type { RestoreProgress } from "./restore-progress.js";
import { RETRY_MS_MAX, readProgress } from "./restore-progress.js";

const READ_EVERY_MS = 2_000;
const MINUTE_S = 60;
const MS_PER_S = 1_000;

/** Reports the progress of a restore, which runs in another process, in metrics and in the readiness report. */
@Injectable()
export class RestoreStatus implements OnApplicationBootstrap, OnApplicationShutdown {
  #progress: RestoreProgress | undefined;
  /** Without events, `LossReport` does not notice that the states are complete again. */
  #isMarked = false;
  #reading: NodeJS.Timeout | undefined;
  #gauges: readonly (() => void)[] = [];

  constructor(
    @InjectRedis(HOLD) private readonly redis: Pick<Redis, "get">,
    @Inject(LossReport) private readonly loss: Pick<LossReport, "isLost">,
    @Inject(StateStore) private readonly store: Pick<StateStore, "isMarkedComplete">,
    @Inject(Readiness) private readonly readiness: Pick<Readiness, "addNote">,
  ) {}

  onApplicationBootstrap(): void {
    this.readiness.addNote("window_states", () => this.note);
    this.#gauges = [
      gauge(
        "tripline_features_states_lost",
        { description: "1 while this instance counts events with lost window states, otherwise 0" },
        () => Number(this.#isLost),
      ),
      gauge(
        "tripline_features_restore_done_ratio",
        { description: "Progress of the running restore of window states, from 0 to 1; 1 if none is running" },
        () => this.#running?.share ?? 1,
      ),
      gauge(
        "tripline_features_restore_left_seconds",
        {
          description:
            "Estimated time until the running restore of window states ends; 0 if unknown or none is running",
        },
        () => this.#running?.leftSeconds ?? 0,
      ),
    ];
    this.#reading = setInterval(() => void this.read(), READ_EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.#reading);
    for (const remove of this.#gauges) remove();
  }

  /** Keeps the last progress while Redis is unavailable. */
  async read(): Promise<void> {
    try {
      this.#progress = await readProgress(this.redis);
      this.#isMarked = this.loss.isLost && (await this.store.isMarkedComplete());
    } catch {
      // Readiness reports that Redis is unavailable.
    }
  }

  /** For the operator; undefined if nothing is lost. */
  get note(): string | undefined {
    const { leftSeconds, share } = this.#running ?? {};
    if (share !== undefined) {
      const left = leftSeconds === null || leftSeconds === undefined ? "" : `, about ${duration(leftSeconds)} left`;
      return `The window states are being restored: ${Math.floor(share * 100)} %${left}.`;
    }
    if (!this.#isLost) return undefined;
    if (this.#progress === undefined) return "Redis has lost the window states, and no restore is running.";
    return `The window states could not be restored (see the log of \`snapshots\`). The next attempt will start within ${duration(RETRY_MS_MAX / MS_PER_S)}.`;
  }

  get #isLost(): boolean {
    return this.loss.isLost && !this.#isMarked;
  }

  get #running() {
    return this.#progress !== undefined && "share" in this.#progress ? this.#progress : undefined;
  }
}

function duration(seconds: number): string {
  return seconds < MINUTE_S ? `${seconds} s` : `${Math.ceil(seconds / MINUTE_S)} min`;
}
