import type { ObjectStore } from "@tripline/object-store/object-store";
import { z } from "zod";

const STATE_KEY = "loop.json";

/** Days are counted from 1970-01-01 (UTC). */
const stateSchema = z.strictObject({
  /** Start of the retraining schedule: the day of the first check. */
  firstDay: z.int().nullable(),
  /** The last day that was tested for drift. */
  judgedDay: z.int().nullable(),
  /** The cut-off of the last retraining. */
  triedDay: z.int().nullable(),
  /** The newest drift that no champion has resolved. */
  alarm: z
    .strictObject({
      day: z.int(),
      /** Day of the first drift, if later drifts joined it; missing in state from earlier releases. */
      firstDay: z.int().optional(),
      sentence: z.string(),
    })
    .nullable(),
  /** A registered version that is not champion yet. */
  challenger: z
    .strictObject({
      version: z.string(),
      why: z.string(),
      /** The first day that was not used to train it. */
      learntTo: z.int(),
      stage: z.string().nullable(),
    })
    .nullable(),
  /** When the last challenger became champion. */
  promotedDay: z.int().nullable(),
});

export type LoopFacts = Readonly<z.infer<typeof stateSchema>>;

const NOTHING: LoopFacts = {
  firstDay: null,
  judgedDay: null,
  triedDay: null,
  alarm: null,
  challenger: null,
  promotedDay: null,
};

/** The state that the training worker needs after a restart, on any machine. */
export class LoopState {
  #running: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly store: ObjectStore,
    private facts: LoopFacts,
  ) {}

  /** @throws TriplineError `store-unavailable`, `store-refused` */
  static async open(store: ObjectStore): Promise<LoopState> {
    const found = await store.get(STATE_KEY);
    const text = found === undefined ? undefined : Buffer.from(found).toString();
    return new LoopState(store, text === undefined ? NOTHING : stateSchema.parse(JSON.parse(text)));
  }

  get current(): LoopFacts {
    return this.facts;
  }

  /**
   * Resolves once the change is in the store; if it rejects, nothing has changed. Changes are serialised.
   *
   * @throws TriplineError `store-unavailable`, `store-refused`
   */
  change(to: (facts: LoopFacts) => Partial<LoopFacts>): Promise<void> {
    const next = this.#running
      .catch(() => undefined)
      .then(async () => {
        const facts = { ...this.facts, ...to(this.facts) };
        await this.store.put(STATE_KEY, `${JSON.stringify(facts, null, 2)}\n`);
        this.facts = facts;
      });
    this.#running = next;
    return next;
  }
}
