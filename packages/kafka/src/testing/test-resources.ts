/** For tests: closes everything that a test opened, even if the test failed. */
export class TestResources {
  readonly #open: { close(): Promise<void> }[] = [];

  keep<T extends { close(): Promise<void> }>(resource: T): T {
    this.#open.push(resource);
    return resource;
  }

  /** Resources may be closed twice, so a test may close some of them itself. */
  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((resource) => resource.close()));
  }
}
