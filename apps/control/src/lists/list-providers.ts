import type { Provider } from "@nestjs/common";
import type { EventProducer, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { EVENT_PRODUCER, KAFKA, KAFKA_ADMIN } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { SeenDecisions } from "../policies/seen-decisions.js";
import { ListGuard } from "./list-guard.js";
import { ListPreview } from "./list-preview.js";
import { ListPublisher } from "./list-publisher.js";
import { ListStore } from "./list-store.js";
import { ListWatches } from "./list-watches.js";

/** What `ListsController` needs. */
export const LIST_PROVIDERS: readonly Provider[] = [
  { provide: ListStore, inject: [DATABASE], useFactory: (database: Database) => new ListStore(database) },
  {
    provide: ListPreview,
    inject: [KAFKA, KAFKA_ADMIN],
    useFactory: (kafka: Kafka, admin: KafkaAdmin) => new ListPreview(kafka, admin),
  },
  { provide: ListWatches, inject: [DATABASE], useFactory: (database: Database) => new ListWatches(database) },
  {
    provide: ListGuard,
    inject: [SeenDecisions, ListWatches, ListPublisher, LOGGER],
    useFactory: (seen: SeenDecisions, watches: ListWatches, publisher: ListPublisher, logger: Logger) =>
      new ListGuard({ seen, watches, publisher, logger }),
  },
  {
    provide: ListPublisher,
    inject: [DATABASE, EVENT_PRODUCER, LOGGER],
    useFactory: (database: Database, producer: EventProducer, logger: Logger) =>
      new ListPublisher(database, producer, logger),
  },
];
