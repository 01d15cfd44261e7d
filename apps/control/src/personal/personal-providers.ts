import type { Provider } from "@nestjs/common";
import type { EventProducer, Kafka } from "@tripline/kafka/port";
import { EVENT_PRODUCER, KAFKA } from "@tripline/nest-kit/kafka/kafka.tokens";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import { Readiness } from "@tripline/nest-kit/readiness";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { FollowedMasterKey } from "@tripline/sealing/followed-master-key";
import { PersonalOpener } from "@tripline/sealing/open-personal";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { Logger } from "@tripline/telemetry/logger";
import type { ControlConfig } from "../config.js";
import { EnvelopeRewrapper } from "./envelope-rewrapper.js";
import { ErasureFollower } from "./erasure-follower.js";
import { ErasurePublisher } from "./erasure-publisher.js";
import { PersonExport } from "./person-export.js";
import { SubjectKeys } from "./subject-keys.js";

/** What `PersonalController` needs. */
export function personalProviders(config: ControlConfig): Provider[] {
  const { PERSONAL_DAYS: days } = config;
  return [
    { provide: SubjectKeys, inject: [DATABASE], useFactory: (database: Database) => new SubjectKeys(database) },
    { provide: PersonExport, inject: [DATABASE], useFactory: (database: Database) => new PersonExport(database) },
    ...(FollowedMasterKey.isSet(config)
      ? openingProviders(config)
      : [{ provide: PersonalOpener, useValue: undefined }]),
    {
      provide: ErasureFollower,
      inject: [SubjectKeys, KAFKA, Readiness, LOGGER],
      useFactory: (keys: SubjectKeys, kafka: Kafka, readiness: Readiness, logger: Logger) =>
        new ErasureFollower(keys, { kafka, readiness, logger }),
    },
    {
      provide: ErasurePublisher,
      inject: [DATABASE, EVENT_PRODUCER, LOGGER, SubjectKeys],
      useFactory: (database: Database, producer: EventProducer, logger: Logger, keys: SubjectKeys) =>
        new ErasurePublisher(database, producer, logger, keys, days),
    },
  ];
}

function openingProviders(config: ControlConfig): Provider[] {
  const masterKey = new FollowedMasterKey(config);
  return [
    { provide: PersonalOpener, useValue: new PersonalOpener(masterKey) },
    {
      provide: EnvelopeRewrapper,
      inject: [DATABASE, LOGGER],
      useFactory: (database: Database, logger: Logger) => new EnvelopeRewrapper(database, masterKey, logger),
    },
  ];
}
