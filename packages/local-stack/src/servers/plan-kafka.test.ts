import { randomClusterId } from "./plan-kafka.js";

describe("randomClusterId", () => {
  test("never begins with a dash, which Kafka's format tool would read as an option", () => {
    const ids = Array.from({ length: 5_000 }, randomClusterId);
    expect(ids.filter((id) => id.startsWith("-"))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/);
  });
});
