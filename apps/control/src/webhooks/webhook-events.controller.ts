import { setTimeout as delay } from "node:timers/promises";
import { Controller, Inject } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import {
  AuditEvent,
  CaseEvent,
  Decision,
  DriftDetected,
  FraudReport,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { AUDIT_TOPIC, CASE_EVENTS_TOPIC, TOPICS } from "@tripline/contracts/topics";
import type { WebhookEventType } from "@tripline/contracts/webhook-events";
import { WEBHOOK_EVENT_TYPES } from "@tripline/contracts/webhook-events";
import type { IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { counter } from "@tripline/telemetry/metrics";
import { BACKGROUND } from "../background.js";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import type { NewDelivery } from "./delivery-store.js";
import { addDeliveries } from "./delivery-store.js";
import { eventOfAudit, eventOfCase, eventOfDecision, eventOfDrift, eventOfReport } from "./read-events.js";
import type { Subscription } from "./subscriptions.js";
import { Subscriptions } from "./subscriptions.js";
import type { WebhookEvent } from "./webhook-event.js";
import { WEBHOOKS_GROUP, WebhookPositions } from "./webhook-positions.js";
import { messageBody, messageId } from "./write-message.js";

/**
 * How long records are collected before they are stored together. On a small machine, a transaction for every few
 * records would slow down payments.
 */
const GATHER_MS = 200;
const RECORDS_PER_BATCH_MAX = 1_000;
const RECORDS_TOGETHER_MAX = 2_000;
/** Maximum difference between the clocks of services. */
const SKEW_MS = 60_000;

interface Source {
  readonly read: (value: Buffer, timestampMs: number) => WebhookEvent | undefined;
  /** A record is decoded only if an endpoint subscribes to one of these types and is not newer than the record. */
  readonly types: readonly WebhookEventType[];
}

const typesOf = (...groups: readonly string[]) =>
  WEBHOOK_EVENT_TYPES.filter((type) => groups.includes(type.split(".")[0] ?? ""));

const SOURCES: Readonly<Record<string, Source>> = {
  [TOPICS.decisions.name]: { read: (value) => eventOfDecision(Decision.decode(value)), types: typesOf("decision") },
  [CASE_EVENTS_TOPIC.name]: { read: (value) => eventOfCase(CaseEvent.decode(value)), types: typesOf("case") },
  [TOPICS.fraudReports.name]: {
    read: (value, timestampMs) => eventOfReport(FraudReport.decode(value), timestampMs),
    types: typesOf("fraud_report"),
  },
  [TOPICS.driftDetected.name]: { read: (value) => eventOfDrift(DriftDetected.decode(value)), types: typesOf("drift") },
  [AUDIT_TOPIC.name]: {
    read: (value) => eventOfAudit(AuditEvent.decode(value)),
    types: typesOf("list", "policy", "rollout"),
  },
};

/** Stores a delivery of each event for every endpoint that subscribes to it. */
@Controller()
export class WebhookEventsController {
  readonly #stored = counter("tripline_control_webhook_events_total", {
    description: "Stored webhook deliveries, one per event and endpoint",
  });

  constructor(
    @Inject(BACKGROUND) private readonly database: Database,
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
    @Inject(WebhookPositions) private readonly positions: Pick<WebhookPositions, "handled">,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "OPERATOR_TENANT">,
  ) {}

  @KafkaBatches({
    group: WEBHOOKS_GROUP,
    topics: Object.keys(SOURCES),
    recordsPerBatchMax: RECORDS_PER_BATCH_MAX,
    recordsTogetherMax: RECORDS_TOGETHER_MAX,
    roundsMax: 1,
    positions: WebhookPositions,
  })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    // A backlog, such as after an outage, arrives in full batches.
    const isBehind = batches.some(({ records }) => records.length >= RECORDS_PER_BATCH_MAX);
    if (!isBehind) await delay(GATHER_MS);
    await this.#store(batches);
    this.positions.handled(batches);
  }

  async #store(batches: readonly RecordBatch[]): Promise<void> {
    // Subscriptions are read after the records, so that an endpoint gets every event since its creation.
    const all = await this.subscriptions.read();
    if (all.length === 0) return;
    const byTenant = Map.groupBy(all, ({ tenant }) => tenant);
    const added = batches.flatMap(({ topic, records }) =>
      records.flatMap((record) => this.#deliveriesOf(topic, record, byTenant)),
    );
    const stored = added.filter(({ isFull }) => !isFull).map(({ delivery }) => delivery);
    const missed = added.filter(({ isFull }) => isFull).map(({ delivery }) => delivery.endpointId);
    const count = await this.database.transaction(async (transaction) => {
      await this.subscriptions.noteMissed(transaction, missed);
      return addDeliveries(transaction, stored);
    });
    this.#stored.inc(count);
  }

  #deliveriesOf(topic: string, record: IncomingRecord, byTenant: ReadonlyMap<string, readonly Subscription[]>) {
    const source = SOURCES[topic];
    const named = record.headers[HEADERS.tenant];
    const wanting = named === undefined ? [...byTenant.values()].flat() : (byTenant.get(this.#receiver(named)) ?? []);
    const isWanted = wanting.some(
      ({ types, createdAtMs }) =>
        createdAtMs <= record.timestampMs + SKEW_MS && source?.types.some((one) => types.has(one)),
    );
    const event = isWanted ? readEvent(record, source?.read) : undefined;
    if (event === undefined) return [];
    const tenant = this.#receiver(event.tenant);
    return (byTenant.get(tenant) ?? [])
      .filter(({ types, createdAtMs }) => types.has(event.type) && event.atMs >= createdAtMs)
      .map(({ id, isFull }) => ({ isFull, delivery: deliveryOf(id, tenant, event) }));
  }

  /** Events that concern all tenants go to the operator's tenant. */
  #receiver(tenant: string): string {
    return tenant === "" ? this.config.OPERATOR_TENANT : tenant;
  }
}

function deliveryOf(endpointId: string, tenant: string, event: WebhookEvent): NewDelivery {
  const { type, sourceId, orderKey = null, atMs } = event;
  const eventId = messageId(event.tenant, type, sourceId);
  return { endpointId, eventId, tenant, type, orderKey, payload: messageBody(event), occurredAtMs: atMs };
}

function readEvent(
  { value, timestampMs, topic, partition, offset }: IncomingRecord,
  read: Source["read"] | undefined,
): WebhookEvent | undefined {
  try {
    return read?.(value, timestampMs);
  } catch (cause) {
    const place = `${topic}, partition ${partition}, offset ${offset}`;
    throw new TriplineError("message-unreadable", `The record at ${place} is not a valid event.`, [], { cause });
  }
}
