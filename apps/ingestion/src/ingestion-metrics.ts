import { TOPICS } from "@tripline/contracts/topics";
import type { Unsealed } from "@tripline/sealing/personal-sealer";
import { counter, gauge, histogram } from "@tripline/telemetry/metrics";
import type { IntakeTopic } from "./intake/intake-topics.js";
import { INTAKE_TOPICS } from "./intake/intake-topics.js";

const MS_PER_S = 1_000;

/**
 * The metrics of this service, apart from request metrics. Create them only once per process, because they are never
 * removed.
 */
export interface IngestionMetrics {
  /** @param latencyMs from the request's arrival until Kafka acknowledged its events */
  accepted(topic: IntakeTopic, events: number, latencyMs: number): void;
  /** @param latencyMs how long a request waited for decisions after its events were accepted */
  waited(latencyMs: number): void;
}

/** A payment was accepted without its personal fields. */
export function countUnsealed(reason: Unsealed): void {
  const description =
    "Payments whose personal fields were not stored because the master key was unavailable or the person was erased";
  counter("tripline_ingestion_unsealed_total", { description, labels: ["reason"] }).inc({ reason });
}

/** Values that are read whenever metrics are collected. */
export interface IngestionGauges {
  /** Number of events whose response is awaited. */
  waiters(): number;
  /** Maximum number of concurrently waiting callers at the current rate of responses. */
  callersMax(): number;
}

export function ingestionMetrics({ waiters, callersMax }: IngestionGauges): IngestionMetrics {
  const events = counter("tripline_ingestion_events_total", {
    description: "Events written to Kafka, by topic (payments: transactions)",
    labels: ["topic"],
  });
  // Creates each series at 0, because `rate` ignores the first value of a series.
  for (const topic of INTAKE_TOPICS) events.inc({ topic: TOPICS[topic].name }, 0);
  const accept = histogram("tripline_ingestion_accept_duration_seconds", {
    description: "Time from a request's arrival until its events are in Kafka",
  });
  const wait = histogram("tripline_ingestion_wait_duration_seconds", {
    description: "Time that requests wait for replies after their events were accepted",
  });
  gauge("tripline_ingestion_waiters", { description: "Events whose callers are waiting for a reply" }, waiters);
  gauge(
    "tripline_ingestion_callers_max",
    { description: "Maximum number of requests that may wait for replies at the current rate of replies" },
    callersMax,
  );
  return {
    accepted(topic, count, latencyMs) {
      events.inc({ topic: TOPICS[topic].name }, count);
      accept.observe(latencyMs / MS_PER_S);
    },
    waited: (latencyMs) => wait.observe(latencyMs / MS_PER_S),
  };
}
