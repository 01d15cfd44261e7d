/** A `Kafka` of packages/kafka. */
export const KAFKA = Symbol("KAFKA");
/** A `KafkaAdmin`. */
export const KAFKA_ADMIN = Symbol("KAFKA_ADMIN");
/** The `EventProducer`, if `KafkaModule` has producer options. */
export const EVENT_PRODUCER = Symbol("EVENT_PRODUCER");
