import { AuthEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import type { TableChange } from "@tripline/kafka/port";
import { Revocations } from "@tripline/tokens/revocations";
import type { TableFollowerContext } from "../kafka/table-follower.js";
import { TableFollower } from "../kafka/table-follower.js";

/**
 * Clients and people whose tokens were taken back, as auth tells. An instance is not ready before it knows those of its start.
 * After that it goes on with what it knows while Kafka is away: tokens live for minutes, and auth gives no new ones.
 */
export class RevocationFollower extends TableFollower {
  readonly revocations = new Revocations();
  #wasComplete = false;

  /** @param service beginning of the consumer group's name */
  constructor(service: string, context: TableFollowerContext) {
    super(service, TABLES.authEvents.name, context);
  }

  override async onModuleInit(): Promise<void> {
    await super.onModuleInit();
    void this.ready().then(
      () => {
        this.#wasComplete = true;
      },
      // Closed before that.
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
