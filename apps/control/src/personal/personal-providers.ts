import type { Provider } from "@nestjs/common";
import type { EventProducer } from "@tripline/kafka/port";
import { EVENT_PRODUCER } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { openMasterKey } from "@tripline/service-kit/personal/master-key";
import { PersonalOpener } from "@tripline/service-kit/personal/open-personal";
import type { Database } from "@tripline/service-kit/postgres/connect-database";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { ControlConfig } from "../config.js";
import { ErasurePublisher } from "./erasure-publisher.js";
import { SubjectKeys } from "./subject-keys.js";

/** What `PersonalController` needs. */
export function personalProviders({ PERSONAL_MASTER_KEY: text, PERSONAL_DAYS: days }: ControlConfig): Provider[] {
  return [
    { provide: SubjectKeys, inject: [DATABASE], useFactory: (database: Database) => new SubjectKeys(database) },
    { provide: PersonalOpener, useValue: text === undefined ? undefined : new PersonalOpener(openMasterKey(text)) },
    {
      provide: ErasurePublisher,
      inject: [DATABASE, EVENT_PRODUCER, LOGGER, SubjectKeys],
      useFactory: (database: Database, producer: EventProducer, logger: Logger, keys: SubjectKeys) =>
        new ErasurePublisher(database, producer, logger, keys, days),
    },
  ];
}
