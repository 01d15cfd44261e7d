import { databaseMemory, memoryBytes } from "./database-memory.js";

describe("the memory of DuckDB", () => {
  it("is at most 1 GiB, and a third of what the process has where that is less", () => {
    expect(databaseMemory(64 * 2 ** 30)).toBe("1024MiB");
    expect(databaseMemory(320 * 2 ** 20)).toBe("106MiB");
  });

  it("is counted from bytes that the machine has", () => {
    expect(memoryBytes()).toBeGreaterThan(2 ** 28);
    expect(memoryBytes()).toBeLessThan(2 ** 50);
  });
});
