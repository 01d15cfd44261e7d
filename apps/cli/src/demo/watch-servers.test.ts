import type { ServerEvent } from "@tripline/local-stack/servers/supervise-server";
import { watchServers } from "./watch-servers.js";

const event = (server: ServerEvent["server"], kind: ServerEvent["kind"]): ServerEvent => {
  return { server, kind, sentence: `${server} ${kind}.` };
};

test("regression #24: reports server events, and rebuilds the states that Valkey lost, one rebuild at a time", async () => {
  const lines: string[] = [];
  const codes = [1, 0];
  const { onServer: listen } = watchServers({
    write: (line) => lines.push(line),
    rebuild: async () => codes.shift() ?? 1,
    rebuildCommand: "rebuild",
    signal: new AbortController().signal,
    betweenMs: 1,
  });
  listen(event("postgres", "ended"));
  listen(event("postgres", "restarted"));
  listen(event("redis", "ended"));
  listen(event("redis", "restarted"));
  listen(event("redis", "restarted"));
  while (lines.length < 7) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(lines).toEqual([
    "postgres ended.",
    "postgres restarted.",
    "redis ended.",
    "redis restarted.",
    expect.stringContaining("restarted empty"),
    "redis restarted.",
    expect.stringContaining("are rebuilt"),
  ]);
  expect(codes).toEqual([]);
});
