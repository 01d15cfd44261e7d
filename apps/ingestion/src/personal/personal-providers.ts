import type { Provider } from "@nestjs/common";
import { LOGGER } from "@tripline/nest-kit/service.module";
import { FollowedMasterKey } from "@tripline/sealing/followed-master-key";
import { PersonalSealer } from "@tripline/sealing/personal-sealer";
import type { Logger } from "@tripline/telemetry/logger";
import type { IngestionConfig } from "../config.js";
import { ErasureFollower } from "./erasure-follower.js";
import { PERSONAL_SEAL, personalSeal } from "./seal-personal.js";

/** Providers for sealing personal data. Without a master key, there are none, and no personal data is stored. */
export function personalProviders(config: IngestionConfig): Provider[] {
  if (!FollowedMasterKey.isSet(config)) return [{ provide: PERSONAL_SEAL, useValue: undefined }];
  return [
    { provide: FollowedMasterKey, useValue: new FollowedMasterKey(config) },
    {
      provide: PersonalSealer,
      inject: [FollowedMasterKey, LOGGER],
      useFactory: (masterKey: FollowedMasterKey, logger: Logger) => {
        const sealer = new PersonalSealer({ masterKey, logger });
        masterKey.follow({
          onChanged: () => void sealer.start(),
          onFault: (sentence) => logger.error({ code: "config-invalid" }, `the master key is unchanged: ${sentence}`),
        });
        return sealer;
      },
    },
    ErasureFollower,
    { provide: PERSONAL_SEAL, inject: [PersonalSealer], useFactory: personalSeal },
  ];
}
