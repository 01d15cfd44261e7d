/** A `Kafka` of packages/kafka. */
export const KAFKA = Symbol("KAFKA");
/** A `KafkaAdmin`. */
export const KAFKA_ADMIN = Symbol("KAFKA_ADMIN");
/** The `EventProducer`, where `KafkaModule` was given options for one. */
export const EVENT_PRODUCER = Symbol("EVENT_PRODUCER");
