import type { ObjectStore } from "@tripline/object-store/object-store";
import { z } from "zod";

const STATE_KEY = "loop.json";

/** Days are counted from 1970-01-01 (UTC). */
const stateSchema = z.strictObject({
  /** From which day on the schedule counts: that of the first look. */
  firstDay: z.int().nullable(),
  /** The last day of which it is known whether it drifted. */
  judgedDay: z.int().nullable(),
  /** The cut-off of the last retraining. */
  triedDay: z.int().nullable(),
  /** The newest drift that no champion has answered yet. */
  alarm: z
    .strictObject({
      day: z.int(),
      /** That of the first drift, which others have joined; absent in what an earlier release wrote. */
      firstDay: z.int().optional(),
      sentence: z.string(),
    })
    .nullable(),
  /** What was registered and is not champion yet. */
  challenger: z
    .strictObject({
      version: z.string(),
      why: z.string(),
      /** The first day that it was not trained on any more. */
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

/** What the training worker has to know after it was started again, on whatever machine. */
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
   * Resolves once the change is in the store; without it nothing is changed. Changes come one after another.
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
