import type { Provider } from "@nestjs/common";
import type { Kafka } from "@tripline/kafka/port";
import { KAFKA } from "@tripline/nest-kit/kafka/kafka.tokens";
import { Readiness } from "@tripline/nest-kit/readiness";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { openMasterKey } from "@tripline/service-kit/personal/master-key";
import { PersonalSealer } from "@tripline/service-kit/personal/personal-sealer";
import type { Logger } from "@tripline/service-kit/telemetry/logger";
import type { IngestionConfig } from "../config.js";
import { ErasureFollower } from "./erasure-follower.js";
import { PERSONAL_SEAL, personalSeal } from "./seal-personal.js";

/** What keeps personal data sealed; nothing, and no data, without a master key. */
export function personalProviders({ PERSONAL_MASTER_KEY: text }: IngestionConfig): Provider[] {
  if (text === undefined) return [{ provide: PERSONAL_SEAL, useValue: undefined }];
  return [
    {
      provide: PersonalSealer,
      inject: [LOGGER],
      useFactory: (logger: Logger) => new PersonalSealer({ masterKey: openMasterKey(text), logger }),
    },
    {
      provide: ErasureFollower,
      inject: [PersonalSealer, KAFKA, Readiness, LOGGER],
      useFactory: (sealer: PersonalSealer, kafka: Kafka, readiness: Readiness, logger: Logger) =>
        new ErasureFollower(sealer, { kafka, readiness, logger }),
    },
    { provide: PERSONAL_SEAL, inject: [PersonalSealer], useFactory: personalSeal },
  ];
}
