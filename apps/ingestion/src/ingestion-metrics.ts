import { counter, gauge, histogram, observedCounter } from "@tripline/service-kit/metrics";

/** What this service counts. One per process: meters live as long as it does. */
export interface IngestionMetrics {
  requestEnded(route: string, status: number): void;
  /** @param latencyMs from the request's arrival until Kafka had its events */
  accepted(events: number, latencyMs: number): void;
  /** @param latencyMs that a request waited for answers after its events were accepted */
  waited(latencyMs: number): void;
}

/** Read whenever metrics are collected. */
export interface IngestionGauges {
  /** Ids for whose answer somebody waits. */
  waiters(): number;
  /** Callers that may wait at a time, as things are. */
  callersMax(): number;
}

export function ingestionMetrics({ waiters, callersMax }: IngestionGauges): IngestionMetrics {
  const requests = new RequestTally();
  observedCounter("tripline.ingestion.requests", { unit: "{request}", description: "HTTP requests answered" }, () =>
    requests.counts(),
  );
  const events = counter("tripline.ingestion.events", { unit: "{event}", description: "Events accepted into Kafka" });
  const accept = histogram("tripline.ingestion.accept.duration", {
    unit: "ms",
    description: "From a request's arrival until Kafka has its events",
  });
  const wait = histogram("tripline.ingestion.wait.duration", {
    unit: "ms",
    description: "How long requests wait for answers after their events were accepted",
  });
  gauge("tripline.ingestion.waiters", { unit: "{event}", description: "Events whose answer is waited for" }, waiters);
  gauge(
    "tripline.ingestion.callers_max",
    { unit: "{request}", description: "Requests that may wait for answers at a time, by what is answered now" },
    callersMax,
  );
  return {
    requestEnded: (route, status) => requests.add(route, status),
    accepted(count, latencyMs) {
      events.add(count);
      accept.record(latencyMs);
    },
    waited: (latencyMs) => wait.record(latencyMs),
  };
}

/**
 * Requests by route and status. OpenTelemetry's counter sorts and joins the attributes at every single `add`, which costs
 * one percent of what a request does.
 */
class RequestTally {
  readonly #byRoute = new Map<string, Map<number, number>>();

  add(route: string, status: number): void {
    let byStatus = this.#byRoute.get(route);
    if (byStatus === undefined) {
      byStatus = new Map();
      this.#byRoute.set(route, byStatus);
    }
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  }

  *counts(): Generator<readonly [number, { route: string; status: number }]> {
    for (const [route, byStatus] of this.#byRoute) {
      for (const [status, count] of byStatus) yield [count, { route, status }];
    }
  }
}
