import type { ServerEvent } from "@tripline/local-stack/servers/supervise-server";
import { watchServers } from "./watch-servers.js";

const event = (server: ServerEvent["server"], kind: ServerEvent["kind"]): ServerEvent => {
  return { server, kind, sentence: `${server} ${kind}.` };
};

test("regression #24: reports server events, and loads the profiles that Valkey lost", async () => {
  const lines: string[] = [];
  let loads = 0;
  const listen = watchServers({
    write: (line) => lines.push(line),
    async loadProfiles() {
      loads += 1;
      throw new Error("Valkey is down.");
    },
    signal: new AbortController().signal,
  });
  listen(event("postgres", "ended"));
  listen(event("postgres", "restarted"));
  listen(event("redis", "ended"));
  expect(loads).toBe(0);
  listen(event("redis", "restarted"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(lines).toEqual([
    "postgres ended.",
    "postgres restarted.",
    "redis ended.",
    "redis restarted.",
    expect.stringContaining("restarted without data"),
    "The profiles could not be loaded: Valkey is down.",
  ]);
  expect(loads).toBe(1);
});
