import { databaseMemory, memoryBytes } from "./database-memory.js";

describe("DuckDB's memory", () => {
  it("is at most 1 GiB, or a third of the process's memory if that is less", () => {
    expect(databaseMemory(64 * 2 ** 30)).toBe("1024MiB");
    expect(databaseMemory(320 * 2 ** 20)).toBe("106MiB");
  });

  it("is derived from the machine's actual memory", () => {
    expect(memoryBytes()).toBeGreaterThan(2 ** 28);
    expect(memoryBytes()).toBeLessThan(2 ** 50);
  });
});
