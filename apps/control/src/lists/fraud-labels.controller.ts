import { Controller, Inject } from "@nestjs/common";
import { TriplineError } from "@tripline/contracts/error-table";
import { Label } from "@tripline/contracts/generated/tripline/events/v1/events";
import { CARD_TOKEN_PATTERN } from "@tripline/contracts/identifiers";
import { TOPICS } from "@tripline/contracts/topics";
import type { IncomingRecord, RecordBatch } from "@tripline/kafka/port";
import { KafkaBatches } from "@tripline/nest-kit/kafka/kafka-batches.decorator";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import { ListPublisher } from "./list-publisher.js";
import type { NewEntry } from "./list-requests.js";
import { FRAUD_LIST } from "./list-requests.js";
import { ListStore } from "./list-store.js";

/** The author of these entries in the audit log. */
const AUTHOR = "labels";
const DAY_MS = 86_400_000;

/**
 * Adds cards with confirmed fraud to a deny list for a limited time. The list is not `deny`, where an entry could
 * replace a user's entry. A repeated label adds the same entry again.
 */
@Controller()
export class FraudLabelsController {
  constructor(
    @Inject(ListStore) private readonly lists: ListStore,
    @Inject(ListPublisher) private readonly publisher: ListPublisher,
    @Inject(CONTROL_CONFIG) private readonly config: Pick<ControlConfig, "FRAUD_LIST_DAYS">,
  ) {}

  @KafkaBatches({ group: "control-lists", topics: [TOPICS.labels.name] })
  async handle(batches: readonly RecordBatch[]): Promise<void> {
    const labels = batches.flatMap(({ records }) => records.map(decode)).filter((label) => this.#counts(label));
    for (const [tenant, ofTenant] of Map.groupBy(labels, (label) => label.tenant)) {
      // If a card has several labels, the newest one counts.
      const entries = new Map(
        ofTenant
          .toSorted((left, right) => left.labelledAtMs - right.labelledAtMs)
          .map((label) => [label.cardToken, this.#entryOf(label)]),
      );
      await this.lists.put({ tenant, actor: AUTHOR, actorKind: "service" }, FRAUD_LIST, undefined, [
        ...entries.values(),
      ]);
    }
    if (labels.length > 0) await this.publisher.publish();
  }

  #counts(label: Label): boolean {
    return label.fraud && CARD_TOKEN_PATTERN.test(label.cardToken) && this.#endOf(label) > Date.now();
  }

  #endOf({ labelledAtMs }: Label): number {
    return labelledAtMs + this.config.FRAUD_LIST_DAYS * DAY_MS;
  }

  #entryOf(label: Label): NewEntry {
    const source = label.source === "" ? "" : ` (${label.source})`;
    const reason = `Confirmed fraud${source}: payment ${label.clientTransactionId}`;
    return { kind: "card", value: label.cardToken, reason, expires_at: new Date(this.#endOf(label)) };
  }
}

function decode({ value, topic, partition, offset }: IncomingRecord): Label {
  try {
    return Label.decode(value);
  } catch (cause) {
    const place = `${topic}, partition ${partition}, offset ${offset}`;
    throw new TriplineError("message-unreadable", `The record at ${place} is not a label.`, [], { cause });
  }
}
