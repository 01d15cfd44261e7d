import type { Provider } from "@nestjs/common";
import { RateLimits } from "@tripline/http/limits/rate-limits";
import type { EventProducer } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { PolicyWorker } from "@tripline/policy-worker/policy-worker";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import type { ControlConfig } from "../config.js";
import { policyCheckRates } from "../config.js";
import { DecisionFeed } from "../rollouts/decision-feed.js";
import { ActivationStore } from "./activation-store.js";
import { DraftStore } from "./draft-store.js";
import { PolicyChecks } from "./policy-checks.js";
import { PolicyGuard } from "./policy-guard.js";
import { PolicyPublisher } from "./policy-publisher.js";
import { PolicyStore } from "./policy-store.js";
import { RuleWatch } from "./rule-watch.js";
import { SeenDecisions } from "./seen-decisions.js";
import { SwitchedOffRules } from "./switched-off-rules.js";

/** What `PoliciesController` needs, and what watches policies. */
export function policyProviders(config: ControlConfig): readonly Provider[] {
  return [
    {
      provide: PolicyChecks,
      inject: [LOGGER],
      useFactory: (logger: Logger) =>
        new PolicyChecks(new PolicyWorker(config, logger), new RateLimits(policyCheckRates(config))),
    },
    { provide: PolicyStore, inject: [DATABASE], useFactory: (database: Database) => new PolicyStore(database) },
    {
      provide: ActivationStore,
      inject: [DATABASE],
      useFactory: (database: Database) => new ActivationStore(database),
    },
    { provide: DraftStore, inject: [DATABASE], useFactory: (database: Database) => new DraftStore(database) },
    {
      provide: PolicyPublisher,
      inject: [DATABASE, EVENT_PRODUCER, LOGGER],
      useFactory: (database: Database, producer: EventProducer, logger: Logger) =>
        new PolicyPublisher(database, producer, logger),
    },
    {
      provide: SeenDecisions,
      inject: [DecisionFeed],
      useFactory: (feed: DecisionFeed) => {
        const seen = new SeenDecisions();
        feed.listen(seen);
        return seen;
      },
    },
    {
      provide: PolicyGuard,
      inject: [SeenDecisions, ActivationStore, PolicyStore, PolicyPublisher, PolicyChecks, LOGGER],
      useFactory: (
        seen: SeenDecisions,
        activations: ActivationStore,
        policies: PolicyStore,
        publisher: PolicyPublisher,
        checks: PolicyChecks,
        logger: Logger,
      ) => new PolicyGuard({ seen, activations, policies, publisher, checks, logger }),
    },
    {
      provide: SwitchedOffRules,
      inject: [DATABASE],
      useFactory: (database: Database) => new SwitchedOffRules(database),
    },
    {
      provide: RuleWatch,
      inject: [DecisionFeed, SwitchedOffRules, PolicyPublisher, LOGGER],
      useFactory: (feed: DecisionFeed, rules: SwitchedOffRules, publisher: PolicyPublisher, logger: Logger) =>
        new RuleWatch({ feed, rules, publisher, logger }),
    },
  ];
}
