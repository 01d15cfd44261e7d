import { AuthEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { TableChange } from "@tripline/kafka/port";
import { Revocations } from "@tripline/tokens/revocations";
import type { TableFollowerContext } from "../kafka/table-follower.js";
import { TableFollower } from "../kafka/table-follower.js";

/**
 * Clients and users whose tokens the auth service has revoked. An instance becomes ready once it knows the revocations
 * at the time of its start. Afterwards, it keeps its state while Kafka is unavailable, because tokens are valid only
 * for minutes, and the auth service issues no new ones to revoked clients.
 */
export class RevocationFollower extends TableFollower {
  readonly revocations = new Revocations();
  #wasComplete = false;

  /** @param service prefix of the consumer group's name */
  constructor(service: string, context: TableFollowerContext) {
    super(service, TABLES.authEvents.name, context);
  }

  override async onModuleInit(): Promise<void> {
    await super.onModuleInit();
    void this.ready().then(
      () => {
        this.#wasComplete = true;
      },
      // Closed before it became ready.
      () => undefined,
    );
  }

  protected override isUsable(): boolean {
    return this.#wasComplete;
  }

  protected override apply(changes: readonly TableChange[]): void {
    for (const { key, value } of changes) {
      const event = value === undefined ? undefined : AuthEvent.decode(value);
      const notBeforeMs = event?.disabled === true ? Number.POSITIVE_INFINITY : event?.notBeforeMs;
      this.revocations.set(key, notBeforeMs);
    }
  }
}
