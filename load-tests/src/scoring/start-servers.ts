import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { BenchContext } from "../harness/bench-context.js";
import { profiling, serverDirectory, startServer } from "../harness/start-server.js";
import { callEach } from "./drive-calls.js";
import { goldenRequests } from "./make-requests.js";
import type { BenchModel, BenchModels } from "./prepare-models.js";

/** Importing MLServer takes seconds, and far longer on a busy machine. */
const READY_MS_MAX = 180_000;
const MESSAGE_BYTES_MAX = 16 * 1_024 * 1_024;

export interface ScoringServer {
  /** Address of the gRPC port, `host:port`. */
  readonly address: string;
  /** Base URL of the HTTP port, if there is one. */
  readonly url: string;
  readonly pid: number;
}

interface GrpcPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Path that responds once the server is ready. */
  readonly model: BenchModel;
}

/** @param changes changes to the service's environment */
export async function startTripline(
  context: BenchContext,
  models: BenchModels,
  name: string,
  changes: Readonly<Record<string, string>>,
): Promise<ScoringServer> {
  const [grpcPort = 0, httpPort = 0] = await findFreePorts(2);
  return startGrpc(context, {
    name,
    command: process.execPath,
    args: [...profiling(context), join(context.root, "apps", "scoring", "dist", "main.js")],
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
  });
}

/** One process per core, as the script's docstring says. */
export async function startPythonGrpc(context: BenchContext, models: BenchModels): Promise<ScoringServer> {
  const [grpcPort = 0] = await findFreePorts(1);
  const script = join(context.root, "load-tests", "peers", "scoring", "grpc_server.py");
  const { trees, network, python } = models;
  return startGrpc(context, {
    name: "grpcio",
    command: python,
    args: [script, String(grpcPort), String(availableParallelism()), trees.path, network.path],
    environment: { PYTHONDONTWRITEBYTECODE: "1" },
    grpcPort,
    httpPort: 0,
    model: trees,
  });
}

/**
 * Maximum number of rows and of seconds, https://mlserver.readthedocs.io/en/latest/user-guide/adaptive-batching.html
 */
const ADAPTIVE_BATCHING = { max_batch_size: 64, max_batch_time: 0.005 };

/** MLServer with adaptive batching and one worker per core. */
export async function startMlserver(context: BenchContext, models: BenchModels): Promise<ScoringServer> {
  const [grpcPort = 0, httpPort = 0, metricsPort = 0] = await findFreePorts(3);
  const directory = join(await serverDirectory(context), "mlserver");
  await mkdir(directory);
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
  return startGrpc(context, {
    name: "mlserver",
    command: join(dirname(models.python), "mlserver"),
    args: ["start", directory],
    environment: { PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: "1" },
    grpcPort,
    httpPort,
    model: models.trees,
  });
}

/** Starts a server and waits until it is ready to score. */
async function startGrpc(context: BenchContext, plan: GrpcPlan): Promise<ScoringServer> {
  const { name, command, args, environment, grpcPort } = plan;
  const address = `127.0.0.1:${grpcPort}`;
  const [request = Buffer.alloc(0)] = goldenRequests(plan.model);
  const isReady = () =>
    callEach(address, [request]).then(
      () => true,
      () => false,
    );
  const port = grpcPort;
  const pid = await startServer(context, { name, command, args, environment, port, readyMs: READY_MS_MAX, isReady });
  return { address, url: `http://127.0.0.1:${plan.httpPort}`, pid };
}
