import type { OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable, ServiceUnavailableException } from "@nestjs/common";
import type { HealthCheckResult } from "@nestjs/terminus";
import { HealthCheckService, HealthIndicatorService } from "@nestjs/terminus";
import { asTriplineError, shownDetail } from "@tripline/contracts/error-table";
import { labelledGauge } from "@tripline/telemetry/metrics";

export type HealthCheck = () => void | Promise<void>;

export interface ReadinessReport {
  readonly status: "ready" | "not-ready";
  /** `ok`, the reason for a failure, or a warning for the operator while the service still accepts work. */
  readonly checks: Readonly<Record<string, string>>;
}

/** The service's name. It is a label of the metrics, because a process may run several services. */
export const SERVICE_NAME = Symbol("SERVICE_NAME");

const CHECK_MS_MAX = 1_000;

/** Whether a service can accept work. Each provider that has a dependency adds a check. */
@Injectable()
export class Readiness implements OnApplicationShutdown {
  readonly #checks = new Map<string, HealthCheck>();
  readonly #notes = new Map<string, () => string | undefined>();
  /** Whether each check failed when it last ran. */
  readonly #isFailing = new Map<string, boolean>();
  readonly #endReading: () => void;
  #refreshing: Promise<unknown> | undefined;
  #isDraining = false;

  constructor(
    @Inject(SERVICE_NAME) service: string,
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {
    const description = "Whether a readiness check fails (1), as of the previous scrape or request";
    this.#endReading = labelledGauge(
      "tripline_readiness_failing",
      { description, labels: ["service", "check"] },
      () => {
        this.#refresh();
        return [...this.#isFailing].map(([check, isFailing]) => [Number(isFailing), { service, check }] as const);
      },
    );
  }

  onApplicationShutdown(): void {
    this.#endReading();
  }

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
        .attempt(() => sendRequest(check))
        .withTimeout(CHECK_MS_MAX),
    );
    const { status, details } = await this.health.check(attempts).catch(resultOf);
    for (const [name, { status: one }] of Object.entries(details)) this.#isFailing.set(name, one !== "up");
    const checks = Object.entries(details).map(([name, one]) => [name, one.status === "up" ? "ok" : one.message]);
    const notes = [...this.#notes].map(([name, read]) => [name, read() ?? "ok"]);
    return { status: status === "ok" ? "ready" : "not-ready", checks: Object.fromEntries([...checks, ...notes]) };
  }

  /** A scrape does not wait for the checks: it starts them, and the next scrape shows their results. */
  #refresh(): void {
    this.#refreshing ??= this.report()
      .catch(() => undefined)
      .finally(() => {
        this.#refreshing = undefined;
      });
  }
}

async function sendRequest(check: HealthCheck): Promise<void> {
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
