import type { ClientLibrary } from "../client-library.js";
import type { ClusterOptions } from "./connection-options.js";
import { PlatformaticConsumer } from "./platformatic-consumer.js";
import { platformaticProducer } from "./platformatic-producer.js";

/** `@platformatic/kafka`. A client connects on first use. */
export function platformaticLibrary(cluster: ClusterOptions): ClientLibrary {
  return {
    producer: (options) => platformaticProducer(cluster, options),
    consumer: (options, events) => new PlatformaticConsumer(cluster, options, events),
  };
}
