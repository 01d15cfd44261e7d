import type { Simulation } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { PreparedRequest, RequestOptions } from "./make-requests.js";
import { makeRequests } from "./make-requests.js";
import type { World } from "./prepare-world.js";

/** The payments of a world from the end of its history on, each of them once. */
export class PaymentStream {
  readonly #payments: ReturnType<Simulation["payments"]>;
  readonly #options: RequestOptions;

  constructor(world: World, options: RequestOptions) {
    this.#payments = createSimulation(world.simulation).payments(world.historyEndMs);
    this.#options = options;
  }

  /** The next payments as requests, in event order. */
  take(count: number): PreparedRequest[] {
    const payments: SimulatedPayment[] = [];
    while (payments.length < count) payments.push(this.#payments.next().value);
    return makeRequests(payments, this.#options);
  }
}
