import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { findFreePorts } from "@tripline/local-stack/find-free-ports";
import { ManagedProcess } from "@tripline/local-stack/managed-process";
import type { BenchContext } from "../harness/bench-context.js";
import { callEach } from "./drive-calls.js";
import { goldenRequests } from "./make-requests.js";
import type { BenchModel, BenchModels } from "./prepare-models.js";

/** Importing MLServer takes seconds, and far longer on a machine that is busy. */
const READY_MS_MAX = 180_000;
const STOP_MS_MAX = 10_000;
const MESSAGE_BYTES_MAX = 16 * 1_024 * 1_024;

export interface ScoringServer {
  /** host:port of gRPC. */
  readonly address: string;
  /** Base URL of HTTP, where there is one. */
  readonly url: string;
  readonly pid: number;
}

interface ServerPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Answered once the server is ready. */
  readonly model: BenchModel;
  readonly directory: string;
}

/** @param changes to the service's environment */
export async function startTripline(
  context: BenchContext,
  models: BenchModels,
  name: string,
  changes: Readonly<Record<string, string>>,
): Promise<ScoringServer> {
  const [grpcPort = 0, httpPort = 0] = await findFreePorts(2);
  const profiling = context.profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${context.profiles}`];
  return startServer(context, {
    name,
    command: process.execPath,
    args: [...profiling, join(context.root, "apps", "scoring", "dist", "main.js")],
    environment: {
      PORT: String(httpPort),
      GRPC_PORT: String(grpcPort),
      LOG_LEVEL: "warn",
      REGISTRY_URL: models.registryUrl,
      MODELS: "trees,network",
      WORKERS: String(availableParallelism()),
      ...changes,
    },
    grpcPort,
    httpPort,
    model: models.trees,
    directory: await directoryOf(context, name),
  });
}

/** One process per core, as its own head says. */
export async function startPythonGrpc(context: BenchContext, models: BenchModels): Promise<ScoringServer> {
  const [grpcPort = 0] = await findFreePorts(1);
  const script = join(context.root, "load-tests", "peers", "scoring", "grpc_server.py");
  const { trees, network, python } = models;
  return startServer(context, {
    name: "grpcio",
    command: python,
    args: [script, String(grpcPort), String(availableParallelism()), trees.path, network.path],
    environment: { PYTHONDONTWRITEBYTECODE: "1" },
    grpcPort,
    httpPort: 0,
    model: trees,
    directory: await directoryOf(context, "grpcio"),
  });
}

/** Rows that MLServer gathers, and seconds that it waits for them, https://mlserver.readthedocs.io/en/latest/user-guide/adaptive-batching.html */
const ADAPTIVE_BATCHING = { max_batch_size: 64, max_batch_time: 0.005 };

/** MLServer with adaptive batching, and as many workers as there are cores. */
export async function startMlserver(context: BenchContext, models: BenchModels): Promise<ScoringServer> {
  const [grpcPort = 0, httpPort = 0, metricsPort = 0] = await findFreePorts(3);
  const directory = await directoryOf(context, "mlserver");
  const settings = {
    debug: false,
    host: "127.0.0.1",
    http_port: httpPort,
    grpc_port: grpcPort,
    metrics_port: metricsPort,
    grpc_max_message_length: MESSAGE_BYTES_MAX,
    parallel_workers: availableParallelism(),
  };
  await writeFile(join(directory, "settings.json"), JSON.stringify(settings));
  const runtime = "mlserver_onnx.py";
  await copyFile(join(context.root, "load-tests", "peers", "scoring", runtime), join(directory, runtime));
  for (const { name, path } of [models.trees, models.network]) {
    await mkdir(join(directory, name));
    const implementation = "mlserver_onnx.OnnxModel";
    const model = { name, implementation, parameters: { uri: path, version: "v1" }, ...ADAPTIVE_BATCHING };
    await writeFile(join(directory, name, "model-settings.json"), JSON.stringify(model));
  }
  return startServer(context, {
    name: "mlserver",
    command: join(dirname(models.python), "mlserver"),
    args: ["start", directory],
    environment: { PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: "1" },
    grpcPort,
    httpPort,
    model: models.trees,
    directory,
  });
}

async function directoryOf(context: BenchContext, name: string): Promise<string> {
  const directory = join(context.folder, "servers", name);
  await mkdir(directory, { recursive: true });
  return directory;
}

/** Starts a server, waits until it gives scores, and sees to its end. */
async function startServer(context: BenchContext, plan: ServerPlan): Promise<ScoringServer> {
  const address = `127.0.0.1:${plan.grpcPort}`;
  const [request = Buffer.alloc(0)] = goldenRequests(plan.model);
  const variables = Object.entries(plan.environment ?? {}).map(([name, value]) => `${name}=${value}`);
  const server = new ManagedProcess({
    name: plan.name,
    title: plan.name,
    directory: plan.directory,
    // env(1) becomes the program, under the same process id.
    command: "env",
    args: [...variables, plan.command, ...plan.args],
    cwd: plan.directory,
    port: plan.grpcPort,
    stopSignal: "SIGTERM",
    stopMs: STOP_MS_MAX,
    readyMs: READY_MS_MAX,
    isReady: () =>
      callEach(address, [request]).then(
        () => true,
        () => false,
      ),
  });
  context.log(`  starting ${plan.name}`);
  await server.start();
  context.defer(() => server.stop());
  return { address, url: `http://127.0.0.1:${plan.httpPort}`, pid: server.pid ?? 0 };
}
