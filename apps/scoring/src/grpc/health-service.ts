import type { Server, ServerWritableStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import type {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthServer,
} from "@tripline/contracts/generated/grpc/health/v1/health";
import {
  HealthService,
  HealthCheckResponse_ServingStatus as Status,
} from "@tripline/contracts/generated/grpc/health/v1/health";

/** Whether a service is ready; undefined for an unknown one. */
export type Readiness = (service: string) => boolean | undefined;

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** Interval at which watchers are checked for changes. */
const LOOK_EVERY_MS = 500;
/** Maximum number of concurrent watch streams. */
const WATCHERS_MAX = 1_024;

/** `grpc.health.v1`, see https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export class HealthCheck {
  readonly #watchers = new Map<Watcher, Status>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly isReady: Readiness) {}

  addTo(grpc: Pick<Server, "addService">): void {
    const service: HealthServer = {
      check: (call, done) => {
        const found = this.#statusOf(call.request.service);
        if (found === Status.SERVICE_UNKNOWN) {
          done({ code: status.NOT_FOUND, details: "This server has no service with this name." });
        } else {
          done(null, { status: found });
        }
      },
      watch: (call) => this.#watch(call),
    };
    grpc.addService(HealthService, service);
  }

  /** Ends watch streams, which would otherwise keep their connections open. */
  end(): void {
    for (const [watcher, last] of this.#watchers) {
      if (last !== Status.NOT_SERVING) watcher.write({ status: Status.NOT_SERVING });
      watcher.end();
      this.#forget(watcher);
    }
  }

  #watch(watcher: Watcher): void {
    if (this.#watchers.size >= WATCHERS_MAX) {
      watcher.emit("error", {
        code: status.RESOURCE_EXHAUSTED,
        details: `There are already ${WATCHERS_MAX} health watchers, the maximum.`,
      });
      return;
    }
    const first = this.#statusOf(watcher.request.service);
    this.#watchers.set(watcher, first);
    watcher.on("cancelled", () => this.#forget(watcher));
    watcher.write({ status: first });
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Without watchers there is nothing to poll. */
  #forget(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const [watcher, last] of this.#watchers) {
      const now = this.#statusOf(watcher.request.service);
      if (now === last) continue;
      this.#watchers.set(watcher, now);
      watcher.write({ status: now });
    }
  }

  #statusOf(service: string): Status {
    const ready = this.isReady(service);
    if (ready === undefined) return Status.SERVICE_UNKNOWN;
    return ready ? Status.SERVING : Status.NOT_SERVING;
  }
}
