import { cp } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { runCommand } from "@tripline/local-stack/processes/run-command";
import { provisionPython } from "@tripline/local-stack/provision/provision-python";
import type { BenchContext } from "../harness/bench-context.js";
import { packageVersions } from "../harness/package-versions.js";
import type { HttpServer } from "../harness/start-http-server.js";
import { startHttpServer } from "../harness/start-http-server.js";
import { profiling } from "../harness/start-server.js";

export const TENANT = "demo";

/** Importing Feast takes up to ten seconds, and far longer on a busy machine. */
const FEAST_MS_MAX = 180_000;
const SERVICE_MS_MAX = 60_000;

/** An instance of the features service as it is deployed: one process with Kafka, whose consumer is idle. */
export async function startFeaturesService(context: BenchContext, index: number): Promise<HttpServer> {
  const [{ url: redisUrl }, brokers] = [await context.redis(), await context.kafka()];
  return startHttpServer(context, {
    name: `features-${index}`,
    command: process.execPath,
    args: [...profiling(context), join(context.root, "apps", "features", "dist", "main.js")],
    readyPath: "/health/ready",
    readyMs: SERVICE_MS_MAX,
    environment: (port) => ({
      PORT: String(port),
      LOG_LEVEL: "warn",
      KAFKA_BROKERS: brokers.join(","),
      REDIS_URL: redisUrl,
      FEATURES_ONLINE_TENANT: TENANT,
    }),
  });
}

export interface FeastServer extends HttpServer {
  /** The file that `feast apply` wrote. */
  readonly registry: string;
  readonly workers: number;
}

/**
 * Feast's Python feature server, tuned according to its guide
 * (docs.feast.dev/how-to-guides/online-server-performance-tuning): one worker per core, no access log, the registry
 * cached for minutes and refreshed in the background, and workers replaced only after 10,000 requests.
 */
export async function startFeast(context: BenchContext): Promise<FeastServer> {
  const { root, folder } = context;
  const { port: redisPort } = await context.redis();
  const requirementsFile = join(root, "training", "feature_repo", "requirements.txt");
  const { python } = await provisionPython({ name: "feature-repo", requirementsFile, root });
  Object.assign(context.versions, await packageVersions(python, ["feast", "gunicorn", "uvicorn"]));
  const repository = join(folder, "feast");
  const registry = join(folder, "registry.db");
  const workers = availableParallelism();
  await cp(join(root, "load-tests", "peers", "feast"), repository, { recursive: true });
  const environment = {
    FEAST_REGISTRY: registry,
    FEAST_REDIS: `127.0.0.1:${redisPort},db=0`,
    FEAST_USAGE: "False",
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const feast = join(dirname(python), "feast");
  await runCommand({
    command: feast,
    args: ["--chdir", repository, "apply"],
    purpose: "apply Feast's repository",
    logFile: join(root, ".tripline", "logs", "bench-feast-apply.log"),
    timeoutMs: FEAST_MS_MAX,
    environment,
  });
  const tuned = `--workers ${workers} --worker-connections 1000 --max-requests 10000 --max-requests-jitter 500 --keep-alive-timeout 60 --registry_ttl_sec 300 --no-access-log`;
  const server = await startHttpServer(context, {
    name: "feast",
    command: feast,
    args: (port) => ["--chdir", repository, "serve", "--port", String(port), ...tuned.split(" ")],
    readyPath: "/health",
    readyMs: FEAST_MS_MAX,
    environment: () => environment,
  });
  return { ...server, registry, workers };
}
