import { asTriplineError } from "@tripline/contracts/error-table";

export type HealthCheck = () => void | Promise<void>;

export interface HealthReport {
  readonly status: "ready" | "not-ready";
  /** `ok`, or why not. */
  readonly checks: Readonly<Record<string, string>>;
}

const CHECK_TIMEOUT_MS = 1_000;

/** Knows whether a service can take work. Liveness asks no dependency; readiness asks all of them. */
export class Health {
  private draining = false;

  constructor(private readonly checks: Readonly<Record<string, HealthCheck>>) {}

  /** From now on not ready, so that no new work is sent here. */
  drain(): void {
    this.draining = true;
  }

  async report(): Promise<HealthReport> {
    if (this.draining) return { status: "not-ready", checks: { shutdown: "this instance is shutting down" } };
    const results = await Promise.all(
      Object.entries(this.checks).map(async ([name, check]) => [name, await outcomeOf(check)] as const),
    );
    const ready = results.every(([, outcome]) => outcome === "ok");
    return { status: ready ? "ready" : "not-ready", checks: Object.fromEntries(results) };
  }
}

async function outcomeOf(check: HealthCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${CHECK_TIMEOUT_MS} ms`), CHECK_TIMEOUT_MS);
  });
  const asked = Promise.resolve()
    .then(check)
    .then(
      () => "ok",
      (error: unknown) => asTriplineError(error).message,
    );
  const outcome = await Promise.race([asked, late]);
  clearTimeout(timer);
  return outcome;
}
