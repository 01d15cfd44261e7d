import { Inject, Injectable } from "@nestjs/common";
import type { Attributes } from "@opentelemetry/api";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { Decision, Outcome, PaymentUpdate } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import type { Topic } from "@tripline/contracts/topics";
import { TOPICS } from "@tripline/contracts/topics";
import type { Choice } from "@tripline/decision-engine/decide-payment";
import type { EventProducer, OutgoingRecord } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { redisSpan, sendSpan } from "@tripline/telemetry/span-options";
import { describeSpan, headersFromContext, withSpans } from "@tripline/telemetry/tracing";
import { DecisionMetrics } from "../decision-metrics.js";
import { fallbackLevelOf } from "../fallback-level.js";
import { DecisionStore } from "./decision-store.js";
import { declineUpdate } from "./decline-update.js";
import type { DecidedPayment, OpenPayment } from "./open-payment.js";
import { itemAt } from "./open-payment.js";
import type { Payment } from "./parse-payment.js";
import { choicesOf } from "./stored-decision.js";

/** The decision in force for a payment. */
export interface StandingDecision {
  readonly decision: Decision;
  /** The bytes stored in Redis. */
  readonly bytes: Uint8Array;
}

type Headers = OutgoingRecord["headers"];

const KEEP = redisSpan("SET");

/** Stores and publishes decisions, and replies to waiting callers. */
@Injectable()
export class DecisionWriter {
  constructor(
    @Inject(DecisionStore) private readonly store: DecisionStore,
    @Inject(EVENT_PRODUCER) private readonly producer: EventProducer,
    @Inject(DecisionMetrics) private readonly metrics: DecisionMetrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Stores decisions for payments that have none, and replies. @throws the same errors as `DecisionStore.putIfAbsent` */
  async keep(decided: readonly DecidedPayment[]): Promise<readonly (readonly [OpenPayment, StandingDecision])[]> {
    if (decided.length === 0) return [];
    const traces = decided.map(({ open }) => open.trace);
    const entries = decided.map(({ open, choices }) => ({
      transactionId: open.payment.transaction.transactionId,
      ...storedChoice(itemAt(choices, 0)),
      otherwise: choices.slice(1).map(storedChoice),
    }));
    const kept = await withSpans(traces, "redis set", KEEP, () => this.store.putIfAbsent(entries));
    const standing = decided.map(({ open, choices }, index): readonly [OpenPayment, StandingDecision] => {
      const bytes = itemAt(kept, index);
      const at = choicesOf(itemAt(entries, index)).findIndex((choice) => choice.bytes === bytes);
      const first = choices[at]?.decision;
      if (first !== undefined) this.metrics.decided(first);
      else this.metrics.repeated(1);
      const decision = first ?? Decision.decode(bytes);
      describeSpan(open.trace, () => attributesOf(decision));
      return [open, { decision, bytes }];
    });
    await this.#reply(standing);
    return standing;
  }

  /** Best effort: if a reply is lost, the caller can fetch the stored decision. */
  async #reply(standing: readonly (readonly [OpenPayment, StandingDecision])[]): Promise<void> {
    const replies = standing.flatMap(([{ payment }, { bytes }]) =>
      payment.replyTo === undefined ? [] : [{ channel: payment.replyTo, bytes }],
    );
    if (replies.length === 0) return;
    try {
      await this.store.reply(replies);
    } catch (error) {
      this.metrics.repliesLost(replies.length);
      this.logger.warn({ err: error, count: replies.length }, "could not send replies");
    }
  }

  /**
   * Publishes decisions, and a payment update for each payment that they decline.
   *
   * @throws TriplineError `kafka-unavailable`; `internal` for a payment without a decision, before anything is sent
   */
  async publish(open: readonly OpenPayment[], standing: ReadonlyMap<OpenPayment, StandingDecision>): Promise<void> {
    const traces = open.map(({ trace }) => trace);
    const decisions = open.map((one) => standing.get(one));
    const topic = TOPICS.decisions.name;
    await withSpans(traces, `send ${topic}`, sendSpan(topic, open.length), (contexts) =>
      this.producer.send(
        open.flatMap(({ payment }, index) =>
          recordsOf(payment, itemAt(decisions, index), headersFromContext(itemAt(contexts, index))),
        ),
      ),
    );
  }
}

function recordsOf(
  { key, transaction }: Payment,
  { decision, bytes }: StandingDecision,
  trace: Headers,
): OutgoingRecord[] {
  const recordOf = ({ name: topic, schema }: Topic, value: Uint8Array): OutgoingRecord => {
    return { topic, key, value, headers: { [HEADERS.schema]: schema, [HEADERS.tenant]: transaction.tenant, ...trace } };
  };
  const record = recordOf(TOPICS.decisions, bytes);
  if (decision.outcome !== Outcome.DECLINE) return [record];
  return [record, recordOf(TOPICS.paymentUpdates, encodeMessage(PaymentUpdate, declineUpdate(decision)))];
}

function storedChoice({ decision, takes }: Choice) {
  return { bytes: encodeMessage(Decision, decision), takes };
}

/** The decision in force, as span attributes. */
function attributesOf(decision: Decision): Attributes {
  const { fallback_level: level, rung } = fallbackLevelOf(decision);
  return {
    "tripline.decision.outcome": Outcome[decision.outcome].toLowerCase(),
    "tripline.decision.fallback_level": level,
    "tripline.decision.rung": rung,
  };
}
