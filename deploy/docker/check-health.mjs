// Health check of a container: exits with 0 if its service, or every service in TARGETS, is ready. Needs neither a shell nor
// curl. Docker runs it in the app's folder. The CLI image has no server to check unless an argument gives a port.
import { basename } from "node:path";

const TIMEOUT_MS = 4_000;

const { PORT, TARGETS = "", HTTP_CERT_FILE, ...others } = process.env;
if (basename(process.cwd()) === "cli" && PORT === undefined) process.exit(0);
const own = TARGETS.split(",").map((target) => others[`${target.trim().toUpperCase()}_PORT`] ?? PORT ?? "8080");
const healthy = await Promise.all([...new Set(own)].map(isReady));
process.exitCode = healthy.every(Boolean) ? 0 : 1;

/** @param {string} port */
async function isReady(port) {
  try {
    const scheme = HTTP_CERT_FILE ? "https" : "http";
    const response = await fetch(`${scheme}://127.0.0.1:${port}/health/ready`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    process.stdout.write(`${await response.text()}\n`);
    return response.ok;
  } catch (error) {
    process.stdout.write(
      `no service is responding on port ${port}: ${error instanceof Error ? error.message : error}\n`,
    );
    return false;
  }
}
