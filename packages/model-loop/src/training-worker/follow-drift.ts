import { TriplineError } from "@tripline/contracts/error-table";
import { DriftDetected } from "@tripline/contracts/generated/tripline/events/v1/events";
import { HEADERS } from "@tripline/contracts/headers";
import { TOPICS } from "@tripline/contracts/topics";
import type { EventConsumer, IncomingRecord, Kafka } from "@tripline/kafka/port";

/** The service and its consumer group have the same name, because access is granted by this name. */
export const TRAINING_GROUP = "training";

const { name: TOPIC, schema: SCHEMA } = TOPICS.driftDetected;

export interface FollowDriftOptions {
  readonly kafka: Kafka;
  /** Events of other models are skipped. */
  readonly model: string;
  /** Events are committed when the promise resolves; after a kill, they are redelivered. */
  onDrift(events: readonly DriftDetected[]): Promise<void>;
  onStop(error: TriplineError): void;
}

/** Passes on drifts as they are detected. Unreadable records become dead letters. */
export function followDrift({ kafka, model, onDrift, onStop }: FollowDriftOptions): Promise<EventConsumer> {
  return kafka.consume({
    group: TRAINING_GROUP,
    topics: [TOPIC],
    onStop,
    async handle(batches) {
      const events = batches.flatMap(({ records }) => records.map(decode));
      const own = events.filter(({ modelName }) => modelName === model);
      if (own.length > 0) await onDrift(own);
    },
  });
}

function decode({ headers, value }: IncomingRecord): DriftDetected {
  const schema = headers[HEADERS.schema];
  if (schema !== SCHEMA) throw new TriplineError("message-unreadable", `it has the schema ${schema}, not ${SCHEMA}`);
  try {
    return DriftDetected.decode(value);
  } catch (cause) {
    throw new TriplineError("message-unreadable", "it is not the protobuf message of its topic", [], { cause });
  }
}
