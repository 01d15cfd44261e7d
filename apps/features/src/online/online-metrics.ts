import { counter, histogram } from "@tripline/service-kit/metrics";

/** What the serving of features measures. */
export class OnlineMetrics {
  readonly #requests = counter("tripline.features.online.requests", {
    unit: "{request}",
    description: "HTTP requests for features and pushes answered",
  });
  readonly #duration = histogram("tripline.features.online.duration", {
    unit: "ms",
    description: "From the arrival of a request for features, or of a push, until its answer",
  });

  ended(route: string, status: number, durationMs: number): void {
    this.#requests.add(1, { route, status });
    this.#duration.record(durationMs, { route });
  }
}
