import { createServer } from "node:http";
import type { WorkerSettings } from "./read-settings.js";

/** Says that the worker is up, and ends it when it is asked to. */
export function serveHealth({ PORT, HOST }: WorkerSettings): void {
  createServer((_request, response) => void response.end("ready")).listen(PORT, HOST);
  process.on("SIGTERM", () => process.exit(0));
}
