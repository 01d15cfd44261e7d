/** For tests: closes what a test opened, also when the test failed in the middle. */
export class TestResources {
  readonly #open: { close(): Promise<void> }[] = [];

  keep<T extends { close(): Promise<void> }>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }

  /** Closing twice is allowed, so that a test may have closed some of them. */
  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((resource) => resource.close()));
  }
}
