import type { TrainedModel } from "@tripline/model-loop/demo-model/train-demo-model";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedEvent } from "@tripline/simulator/merge-labels";
import { eventsFrom } from "@tripline/simulator/merge-labels";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { TriplineClient } from "@tripline/system/client/tripline-client";

export interface DayHooks {
  /** Returns the changed payment. */
  change?(payment: SimulatedPayment): SimulatedPayment;
  /** Called before the first event of a day with its start, in ms since the epoch. */
  beginDay?(startMs: number): Promise<void>;
}

export interface PlayedDay {
  readonly payments: number;
  readonly labels: number;
}

const DAY_MS = 86_400_000;
const CHUNK = 50;
const WAIT_SECONDS = 25;

/** Continues a model's simulation after its history, one day at a time and as fast as possible. */
export class DayPlayer {
  readonly #events: Iterator<SimulatedEvent>;
  #next: SimulatedEvent | undefined;
  #dayEndMs: number;

  constructor(
    private readonly client: Pick<TriplineClient, "decideAll" | "applyLabels">,
    { simulation, historyEndMs }: Pick<TrainedModel, "simulation" | "historyEndMs">,
    private readonly hooks: DayHooks = {},
  ) {
    this.#events = eventsFrom(createSimulation(simulation), historyEndMs);
    this.#dayEndMs = historyEndMs;
  }

  /** The start of the next day, in ms since the epoch. */
  get nextDayMs(): number {
    return this.#dayEndMs;
  }

  /** Plays all events of the next day in order: payments are decided, and labels are applied. */
  async playDay(): Promise<PlayedDay> {
    await this.hooks.beginDay?.(this.#dayEndMs);
    this.#dayEndMs += DAY_MS;
    const counts = { payments: 0, labels: 0 };
    let [payments, labels]: [SimulatedPayment[], SimulatedPayment[]] = [[], []];
    const send = async (): Promise<void> => {
      await this.client.decideAll(payments, WAIT_SECONDS);
      await this.client.applyLabels(labels, WAIT_SECONDS);
      [payments, labels] = [[], []];
    };
    for (let event = this.#take(); event !== undefined; event = this.#take()) {
      const payment = this.hooks.change?.(event.payment) ?? event.payment;
      if (event.kind === "label") labels.push(payment);
      else payments.push(payment);
      counts[event.kind === "label" ? "labels" : "payments"] += 1;
      if (payments.length + labels.length >= CHUNK) await send();
    }
    await send();
    return counts;
  }

  /** The next event of the day; undefined at the end of the day. */
  #take(): SimulatedEvent | undefined {
    const { value } = this.#next === undefined ? this.#events.next() : { value: this.#next };
    const event: SimulatedEvent | undefined = value ?? undefined;
    const isToday = event !== undefined && event.atMs < this.#dayEndMs;
    this.#next = isToday ? undefined : event;
    return isToday ? event : undefined;
  }
}
