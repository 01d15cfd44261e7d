/**
 * The result of a handler that lets the next round start before its own work has finished, for example while Kafka
 * acknowledges its results.
 */
export class Unfinished {
  constructor(readonly finished: Promise<void>) {}
}
