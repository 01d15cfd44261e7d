import { createServer } from "node:http";
import type { WorkerSettings } from "./read-settings.js";

/** Reports that the worker is running, and stops it on request. */
export function serveHealth({ PORT, HOST }: WorkerSettings): void {
  createServer((_request, response) => void response.end("ready")).listen(PORT, HOST);
  process.on("SIGTERM", () => process.exit(0));
}
