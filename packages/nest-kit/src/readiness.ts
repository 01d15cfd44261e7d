import { Inject, Injectable, ServiceUnavailableException } from "@nestjs/common";
import type { HealthCheckResult } from "@nestjs/terminus";
import { HealthCheckService, HealthIndicatorService } from "@nestjs/terminus";
import { asTriplineError, shownDetail } from "@tripline/contracts/error-table";

export type HealthCheck = () => void | Promise<void>;

export interface ReadinessReport {
  readonly status: "ready" | "not-ready";
  /** `ok`, the reason for a failure, or a warning for the operator while the service still accepts work. */
  readonly checks: Readonly<Record<string, string>>;
}

const CHECK_MS_MAX = 1_000;

/** Whether a service can accept work. Each provider that has a dependency adds a check. */
@Injectable()
export class Readiness {
  readonly #checks = new Map<string, HealthCheck>();
  readonly #notes = new Map<string, () => string | undefined>();
  #isDraining = false;

  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  /** @param check throws while the service is not ready; times out after one second */
  add(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  /** @param read an additional message; undefined if there is none */
  addNote(name: string, read: () => string | undefined): void {
    this.#notes.set(name, read);
  }

  /** From now on, the service is not ready, so that no new work is sent to it. */
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
    // The report is public, so errors from libraries are not shown.
    throw new Error(known.code === "internal" ? "The check failed." : shownDetail(known));
  }
}

/** Terminus throws the result if a check fails. */
function resultOf(thrown: unknown): HealthCheckResult {
  if (thrown instanceof ServiceUnavailableException) return thrown.getResponse() as HealthCheckResult;
  throw thrown;
}
