import type { Provider } from "@nestjs/common";
import type { EventProducer } from "@tripline/kafka/port";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import { DecisionFeed } from "./decision-feed.js";
import { RolloutGuard } from "./rollout-guard.js";
import { RolloutStore } from "./rollout-store.js";
import { Rollouts } from "./rollouts.js";

/** What rolls models out, for a control plane that knows the registry. */
export function rolloutProviders(registryUrl: string): Provider[] {
  return [
    {
      provide: Rollouts,
      inject: [DATABASE, EVENT_PRODUCER, LOGGER],
      useFactory: (database: Database, producer: EventProducer, logger: Logger) =>
        new Rollouts({ store: new RolloutStore(database), registry: openRegistry(registryUrl), producer, logger }),
    },
    {
      provide: RolloutGuard,
      inject: [Rollouts, DecisionFeed, LOGGER],
      useFactory: (rollouts: Rollouts, feed: DecisionFeed, logger: Logger) =>
        new RolloutGuard({ rollouts, feed, logger }),
    },
  ];
}
