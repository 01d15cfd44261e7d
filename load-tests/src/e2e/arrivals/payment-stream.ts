import type { Simulation } from "@tripline/simulator/create-simulation";
import { createSimulation } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { World } from "../world/prepare-world.js";
import type { PreparedRequest, RequestOptions } from "./make-requests.js";
import { makeRequests } from "./make-requests.js";

/** Requests for a load. */
export interface RequestSource {
  take(count: number): PreparedRequest[];
}

/** The payments of a world after the end of its history, each one once. */
export class PaymentStream implements RequestSource {
  readonly #payments: ReturnType<Simulation["payments"]>;
  readonly #options: RequestOptions;

  constructor(world: World, options: RequestOptions) {
    this.#payments = createSimulation(world.simulation).payments(world.historyEndMs);
    this.#options = options;
  }

  /**
   * The next payments as requests, in event order.
   *
   * @param change replaces a payment before it is sent; it must keep the ID
   */
  take(
    count: number,
    change: (payment: SimulatedPayment) => SimulatedPayment = (payment) => payment,
  ): PreparedRequest[] {
    const payments: SimulatedPayment[] = [];
    while (payments.length < count) payments.push(change(this.#payments.next().value));
    return makeRequests(payments, this.#options);
  }
}
