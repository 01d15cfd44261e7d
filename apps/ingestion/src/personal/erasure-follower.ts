import { Inject, Injectable } from "@nestjs/common";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { TableChange } from "@tripline/kafka/port";
import { TableFollower, TableFollowerContext } from "@tripline/nest-kit/kafka/table-follower";
import { FollowedMasterKey } from "@tripline/sealing/followed-master-key";
import { PersonalSealer } from "@tripline/sealing/personal-sealer";

/** Follows erasures, after which ingestion neither seals nor keeps personal data of the erased person. */
@Injectable()
export class ErasureFollower extends TableFollower {
  constructor(
    @Inject(PersonalSealer) private readonly sealer: PersonalSealer,
    @Inject(FollowedMasterKey) private readonly masterKey: FollowedMasterKey,
    @Inject(TableFollowerContext) context: TableFollowerContext,
  ) {
    super("ingestion", TABLES.erasures.name, context);
  }

  override async onModuleInit(): Promise<void> {
    await Promise.all([super.onModuleInit(), this.sealer.start()]);
  }

  override async onApplicationShutdown(): Promise<void> {
    this.masterKey.close();
    this.sealer.close();
    await super.onApplicationShutdown();
  }

  /** Data sealed before an erasure is known cannot be decrypted, because control stores no key for an erased person. */
  protected override isUsable(): boolean {
    return true;
  }

  protected override apply(changes: readonly TableChange[]): void {
    for (const { value } of changes) {
      if (value === undefined) continue;
      const { tenant, subject } = Erasure.decode(value);
      this.sealer.erase(tenant, subject);
    }
  }
}
