// The health check of a container: is the service in it ready? Needs no shell and no curl. Docker runs it in the folder of
// the app; the command line has no server to check, unless it is told on which port.
import { basename } from "node:path";

const TIMEOUT_MS = 4_000;

// biome-ignore lint/suspicious/noUndeclaredEnvVars: read in a container, where no build is cached
const port = process.env.PORT ?? "8080";
try {
  // biome-ignore lint/suspicious/noUndeclaredEnvVars: as above
  if (basename(process.cwd()) === "cli" && process.env.PORT === undefined) process.exit(0);
  // biome-ignore lint/suspicious/noUndeclaredEnvVars: as above
  const scheme = process.env.HTTP_CERT_FILE ? "https" : "http";
  const response = await fetch(`${scheme}://127.0.0.1:${port}/health/ready`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const report = await response.text();
  process.stdout.write(`${report}\n`);
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  process.stdout.write(`nothing answers on port ${port}: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
