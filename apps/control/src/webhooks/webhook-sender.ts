import { setTimeout as delay } from "node:timers/promises";
import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { CheckedTarget, Resolve } from "@tripline/http/egress/check-target";
import { checkTarget } from "@tripline/http/egress/check-target";
import { AllowedNetworks } from "@tripline/http/egress/networks";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { counter, gauge, histogram } from "@tripline/telemetry/metrics";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { MessagePoster } from "./egress/post-message.js";
import { EndpointSecrets } from "./endpoint-secrets.js";
import type { Attempted, ClaimedDelivery, DueEndpoint } from "./outbox.js";
import { Outbox } from "./outbox.js";
import { FAILURES_BEFORE_REST, failuresAfter, restAfter, waitAfter } from "./retry-schedule.js";
import { signMessage } from "./sign-message.js";
import { TenantRate } from "./tenant-rate.js";

/** Injects a `Resolve`. */
export const RESOLVE = Symbol("RESOLVE");

const POLL_MS = 250;
const MS_PER_S = 1_000;
/** Maximum number of endpoints served at once, in total and per tenant. */
const LANES_MAX = 64;
const LANES_OF_TENANT_MAX = 8;
/** Maximum share of these lanes for failing endpoints, so that unresponsive receivers do not occupy all of them. */
const FAILING_SHARE_MAX = 0.25;
/** Number of an endpoint's deliveries that are claimed and sent together. All must finish before their lease ends. */
const BATCH = 32;
/** Number of batches after which another endpoint gets its turn. */
const BATCHES_PER_TURN = 20;
/** After a fault, such as an unavailable key service, an endpoint waits this long. */
const FAULT_MS = 5_000;
/** At shutdown, requests still unanswered after this time are ended, and their deliveries are sent again later. */
const FINISH_MS = 5_000;
const GONE = 410;
const DELAY_BUCKETS_SECONDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600, 86_400];

interface Lane {
  readonly tenant: string;
  readonly isFailing: boolean;
  readonly work: Promise<void>;
}

/** Sends the deliveries in the outbox. Several instances share the work. */
@Injectable()
export class WebhookSender implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #allowed: AllowedNetworks;
  readonly #rate: TenantRate;
  readonly #poster = new MessagePoster();
  readonly #lanes = new Map<string, Lane>();
  readonly #attempts = counter("tripline_control_webhook_attempts_total", {
    description: "Attempts to deliver a webhook, by result",
    labels: ["result"],
  });
  readonly #delay = histogram("tripline_control_webhook_delay_seconds", {
    description: "Time from storing or replaying an event to its delivery by webhook",
    buckets: DELAY_BUCKETS_SECONDS,
  });
  readonly #endReading: () => void;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookedAtMs = performance.now();
  /** Codes of faults, by endpoint. */
  readonly #faults = new Map<string, string>();
  #outboxFault: string | undefined;
  readonly #closing = new AbortController();

  constructor(
    @Inject(Outbox) private readonly outbox: Pick<Outbox, "due" | "claim" | "settle">,
    @Inject(EndpointSecrets) private readonly secrets: Pick<EndpointSecrets, "of">,
    @Inject(RESOLVE) private readonly resolve: Resolve,
    @Inject(CONTROL_CONFIG) config: Pick<ControlConfig, "WEBHOOK_ALLOWED_NETWORKS" | "WEBHOOK_RATE_TENANT">,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#allowed = new AllowedNetworks(config.WEBHOOK_ALLOWED_NETWORKS);
    this.#rate = new TenantRate(config.WEBHOOK_RATE_TENANT);
    const description = "Time since the webhook outbox was last read";
    this.#endReading = gauge("tripline_control_webhooks_stalled_seconds", { description }, () => this.#stalledSeconds);
  }

  /** For the readiness report; undefined if there is no fault. */
  get note(): string | undefined {
    if (this.#outboxFault !== undefined) return `webhooks are not being sent: ${this.#outboxFault}`;
    const [fault] = this.#faults.values();
    if (fault === undefined) return undefined;
    const { size } = this.#faults;
    return `webhooks are not being sent to ${size === 1 ? "an endpoint" : `${size} endpoints`}: ${fault}`;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.look().finally(() => {
        this.#looking = undefined;
      });
    }, POLL_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    this.#endReading();
    const ending = setTimeout(() => this.#poster.close(), FINISH_MS);
    await closeWithin(this.logger, "webhooks", async () => {
      await this.#looking;
      await Promise.all([...this.#lanes.values()].map(({ work }) => work));
    });
    clearTimeout(ending);
    this.#poster.close();
  }

  /** Starts a lane for each endpoint with due deliveries, as long as lanes are free. */
  async look(): Promise<void> {
    try {
      const due = await this.outbox.due();
      for (const endpoint of due) this.#start(endpoint);
      this.#lookedAtMs = performance.now();
      this.#outboxFault = undefined;
      // An endpoint with nothing to send, such as a removed endpoint, has no fault.
      const known = new Set([...due.map(({ id }) => id), ...this.#lanes.keys()]);
      for (const id of this.#faults.keys()) if (!known.has(id)) this.#faults.delete(id);
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (code !== this.#outboxFault) this.logger.error({ code }, `webhooks cannot be sent: ${message}`);
      this.#outboxFault = code;
    }
  }

  get #stalledSeconds(): number {
    return (performance.now() - this.#lookedAtMs) / MS_PER_S;
  }

  #start(endpoint: DueEndpoint): void {
    if (this.#closing.signal.aborted || this.#lanes.has(endpoint.id)) return;
    const { tenant, failures } = endpoint;
    const isFailing = failures >= FAILURES_BEFORE_REST;
    const all = [...this.#lanes.values()];
    const own = all.filter((lane) => lane.tenant === tenant);
    if (isFull(all, LANES_MAX, isFailing) || isFull(own, LANES_OF_TENANT_MAX, isFailing)) return;
    const work = this.#serve(endpoint)
      .then(() => this.#faults.delete(endpoint.id))
      .catch((thrown: unknown) => {
        this.#report(endpoint.id, thrown);
        return delay(FAULT_MS, false, { signal: this.#closing.signal }).catch(() => false);
      })
      .then(() => undefined)
      .finally(() => this.#lanes.delete(endpoint.id));
    this.#lanes.set(endpoint.id, { tenant, isFailing, work });
  }

  async #serve(endpoint: DueEndpoint): Promise<void> {
    let { failures } = endpoint;
    for (let turn = 0; turn < BATCHES_PER_TURN && !this.#closing.signal.aborted; turn += 1) {
      // A failing endpoint gets one request at a time, so that its other deliveries do not use up their attempts.
      const wanted = this.#rate.take(endpoint.tenant, failures >= FAILURES_BEFORE_REST ? 1 : BATCH);
      if (wanted === 0) return;
      // Read before the claim, because nothing can be sent without a secret.
      const secrets = await this.secrets.of(endpoint.id);
      const claimed = await this.outbox.claim(endpoint, wanted);
      this.#rate.giveBack(endpoint.tenant, wanted - claimed.length);
      if (claimed.length === 0) return;
      const target = await this.#check(endpoint.url);
      const attempted = await Promise.all(claimed.map((delivery) => this.#send(target, delivery, secrets)));
      failures = attempted.some(({ isDelivered }) => isDelivered) ? 0 : failuresAfter(failures, attempted.length);
      const restMs = restAfter(failures);
      const isGone = attempted.some(({ status }) => status === GONE);
      const paused = await this.outbox.settle(endpoint, attempted, { failures, restMs, isGone });
      if (paused !== undefined) {
        this.logger.warn({ endpoint: endpoint.id, tenant: endpoint.tenant }, `a webhook endpoint is paused: ${paused}`);
      }
      if (paused !== undefined || restMs > 0) return;
    }
  }

  /** Runs before each batch, because a name's address may have changed. @returns the error if the URL is refused */
  async #check(url: string): Promise<CheckedTarget | TriplineError> {
    try {
      return await checkTarget(url, this.#allowed, this.resolve);
    } catch (thrown) {
      if (thrown instanceof TriplineError && thrown.code === "webhook-url-refused") return thrown;
      throw thrown;
    }
  }

  async #send(
    target: CheckedTarget | TriplineError,
    { event_id: eventId, payload, attempts: attempt, waiting_since: since }: ClaimedDelivery,
    secrets: readonly Uint8Array[],
  ): Promise<Attempted> {
    const { status, error, retryAfterMs } =
      target instanceof TriplineError
        ? { status: undefined, error: target.code, retryAfterMs: 0 }
        : await this.#poster.post(target, signMessage(eventId, Date.now(), payload, secrets), payload);
    const isDelivered = status !== undefined && status >= 200 && status < 300;
    this.#attempts.inc({ result: isDelivered ? "delivered" : "failed" });
    if (isDelivered) this.#delay.observe(Math.max(0, Date.now() - since.getTime()) / MS_PER_S);
    return { eventId, attempt, isDelivered, status, error, waitMs: isDelivered ? 0 : waitAfter(attempt, retryAfterMs) };
  }

  /** Logs a persistent fault once, even if it affects many endpoints. */
  #report(endpoint: string, thrown: unknown): void {
    const { code, message } = asTriplineError(thrown);
    const isKnown = [...this.#faults.values()].includes(code);
    if (!isKnown) this.logger.error({ code, endpoint }, `webhooks cannot be sent: ${message}`);
    this.#faults.set(endpoint, code);
  }
}

function isFull(lanes: readonly Lane[], max: number, isFailing: boolean): boolean {
  if (lanes.length >= max) return true;
  return isFailing && lanes.filter((lane) => lane.isFailing).length >= max * FAILING_SHARE_MAX;
}
