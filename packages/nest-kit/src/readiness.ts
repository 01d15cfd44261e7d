import { Inject, Injectable, ServiceUnavailableException } from "@nestjs/common";
import type { HealthCheckResult } from "@nestjs/terminus";
import { HealthCheckService, HealthIndicatorService } from "@nestjs/terminus";
import { asTriplineError, shownDetail } from "@tripline/contracts/error-table";

export type HealthCheck = () => void | Promise<void>;

export interface ReadinessReport {
  readonly status: "ready" | "not-ready";
  /** `ok`, or why not; or what an operator should know although the service can take work. */
  readonly checks: Readonly<Record<string, string>>;
}

const CHECK_MS_MAX = 1_000;

/** Knows whether a service can take work. Each provider that depends on something adds a check of it. */
@Injectable()
export class Readiness {
  readonly #checks = new Map<string, HealthCheck>();
  readonly #notes = new Map<string, () => string | undefined>();
  #isDraining = false;

  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  /** @param check throws while the service is not ready; has a second to answer */
  add(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  /** @param read what is told beside the checks; undefined while there is nothing to tell */
  addNote(name: string, read: () => string | undefined): void {
    this.#notes.set(name, read);
  }

  /** From now on not ready, so that no new work is sent here. */
  drain(): void {
    this.#isDraining = true;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  async report(): Promise<ReadinessReport> {
    if (this.#isDraining) return { status: "not-ready", checks: { shutdown: "this instance is shutting down" } };
    const attempts = [...this.#checks].map(([name, check]) =>
      this.indicators
        .check(name)
        .attempt(() => ask(check))
        .withTimeout(CHECK_MS_MAX),
    );
    const { status, details } = await this.health.check(attempts).catch(resultOf);
    const checks = Object.entries(details).map(([name, one]) => [name, one.status === "up" ? "ok" : one.message]);
    const notes = [...this.#notes].map(([name, read]) => [name, read() ?? "ok"]);
    return { status: status === "ok" ? "ready" : "not-ready", checks: Object.fromEntries([...checks, ...notes]) };
  }
}

async function ask(check: HealthCheck): Promise<void> {
  try {
    await check();
  } catch (error) {
    const known = asTriplineError(error);
    // Anybody can read it: what was thrown by a library is not shown.
    throw new Error(known.code === "internal" ? "The check failed." : shownDetail(known));
  }
}

/** Terminus throws the result where something is down. */
function resultOf(thrown: unknown): HealthCheckResult {
  if (thrown instanceof ServiceUnavailableException) return thrown.getResponse() as HealthCheckResult;
  throw thrown;
}
