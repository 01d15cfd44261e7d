import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import type {
  ModelInferRequest,
  ModelInferRequest_InferInputTensor,
  ModelInferResponse,
  ModelStreamInferResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { GRPCInferenceServiceService } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { GoldenBatch, ModelManifest } from "@tripline/model-registry/model-manifest";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import { openRegistry } from "@tripline/model-registry/open-registry";
import { readConfig } from "@tripline/settings/read-config";
import { scoringConfig } from "../config.js";
import type { RunResult } from "../inference/inference-worker.js";
import type { BatchRunner } from "../inference/request-batcher.js";
import type { RunningScoring } from "../start-scoring.js";
import { startScoring } from "../start-scoring.js";

/** Shared by the tests of this service: a registry with real models, the service, and a client. */

const MODELS = fileURLToPath(new URL("../../test-models/generated", import.meta.url));

const WAIT_MS_MAX = 120_000;

export interface TestRegistry {
  readonly root: string;
  readonly url: string;
  readonly registry: ModelRegistry;
  remove(): Promise<void>;
}

/** A copy of the registry in test-models, which a test may change. */
export async function copyRegistry(): Promise<TestRegistry> {
  const root = await mkdtemp(join(tmpdir(), "tripline-models-"));
  await cp(MODELS, root, { recursive: true });
  const url = pathToFileURL(root).href;
  return {
    root,
    url,
    registry: openRegistry(url),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/** Publishes a model of the copy under another name with an alias, and returns its version. */
export async function publishAs(
  models: TestRegistry,
  name: string,
  from: string,
  alias: string,
  changes: Partial<ModelManifest> = {},
): Promise<string> {
  const { modelBytes, golden, manifest } = await models.registry.resolve("fraud", from);
  const { name: _name, version: _version, files: _files, ...rest } = manifest;
  const { version } = await models.registry.publish({ name, modelBytes, golden, manifest: { ...rest, ...changes } });
  await models.registry.setAlias(name, alias, version);
  return version;
}

export function testEnvironment(registryUrl: string, changes: Readonly<Record<string, string>> = {}) {
  return { PORT: "0", GRPC_PORT: "0", LOG_LEVEL: "silent", REGISTRY_URL: registryUrl, ...changes };
}

export interface TestScoring {
  readonly models: TestRegistry;
  readonly service: RunningScoring;
  readonly client: TestClient;
  /** Versions and golden batches by `name@alias`. */
  golden(references: readonly string[]): Promise<Record<string, GoldenBatch & { version: string }>>;
  close(): Promise<void>;
}

/** @param prepare changes the registry before the service reads it */
export async function startTestScoring(
  changes: Readonly<Record<string, string>> = {},
  prepare: (models: TestRegistry) => Promise<void> = async () => undefined,
): Promise<TestScoring> {
  const models = await copyRegistry();
  await prepare(models);
  const service = await startScoring(readConfig(scoringConfig, testEnvironment(models.url, changes)));
  const client = new TestClient(service.grpcAddress);
  return {
    models,
    service,
    client,
    async golden(references) {
      const found = references.map(async (reference) => {
        const [name = "", alias = ""] = reference.split("@");
        const { version, golden } = await models.registry.resolve(name, alias);
        return [reference, { version, ...golden }] as const;
      });
      return Object.fromEntries(await Promise.all(found));
    },
    async close() {
      client.close();
      await service.close();
      await models.remove();
    },
  };
}

/** The methods of the protocol, for `TestClient.call`. */
export const METHODS = GRPCInferenceServiceService;

interface Method<Request, Response> {
  readonly path: string;
  requestSerialize(value: Request): Buffer;
  responseDeserialize(value: Buffer): Response;
}

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

export class TestClient {
  private readonly channel: Client;

  constructor(address: string) {
    this.channel = new Client(address, credentials.createInsecure());
  }

  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    const deadline = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
    const { path, requestSerialize, responseDeserialize } = method;
    return new Promise((resolve, reject) => {
      this.channel.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        deadline,
        (error, response) => {
          if (response === undefined) reject(error);
          else resolve(response);
        },
      );
    });
  }

  stream(): ClientDuplexStream<ModelInferRequest, ModelStreamInferResponse> {
    const { path, requestSerialize, responseDeserialize } = METHODS.modelStreamInfer;
    return this.channel.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  }

  /** Scores rows as raw bytes. */
  async score(
    rows: readonly (readonly number[])[],
    options: CallOptions = {},
  ): Promise<{ version: string; scores: number[] }> {
    const response = await this.call(METHODS.modelInfer, rawRequest(rows), options);
    return { version: response.modelVersion, scores: rawScores(response) };
  }

  close(): void {
    this.channel.close();
  }
}

export function tensorOf(
  rows: readonly (readonly number[])[],
  changes: Partial<ModelInferRequest_InferInputTensor> = {},
): ModelInferRequest_InferInputTensor {
  return {
    name: "features",
    datatype: "FP32",
    shape: [rows.length, rows[0]?.length ?? 0],
    parameters: {},
    contents: undefined,
    ...changes,
  };
}

export function rawRequest(
  rows: readonly (readonly number[])[],
  changes: Partial<ModelInferRequest> = {},
): ModelInferRequest {
  return {
    modelName: "fraud",
    modelVersion: "",
    id: "",
    parameters: {},
    inputs: [tensorOf(rows)],
    outputs: [],
    rawInputContents: [Buffer.from(Float32Array.from(rows.flat()).buffer)],
    ...changes,
  };
}

export function rawScores(response: ModelInferResponse): number[] {
  const [raw] = response.rawOutputContents;
  if (raw === undefined) throw new Error("the response has no raw output");
  return Array.from({ length: raw.byteLength / 4 }, (_, index) => raw.readFloatLE(index * 4));
}

/** Repeats a check until it returns true. Fails after twenty seconds. */
export async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + WAIT_MS_MAX;
  while (!(await ask())) {
    if (Date.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
    await sleep(5);
  }
}

/** The error of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => {
      throw new Error("the call succeeded");
    },
    (error: ServiceError) => error,
  );
}

/** A model whose runs end when the test ends them. Each row's score is twice its first value. */
export class HeldRunner implements BatchRunner {
  readonly runs: { rows: number; values: number[]; isExplained: boolean; end(): void; fail(): void }[] = [];

  constructor(readonly parallelRunsMax = 1) {}

  run(features: Float32Array<ArrayBuffer>, rows: number, isExplained: boolean): Promise<RunResult> {
    const values = Array.from(features);
    return new Promise((resolve, reject) => {
      this.runs.push({
        rows,
        values,
        isExplained,
        end: () => {
          const width = features.length / rows;
          const outputs = Float32Array.from({ length: rows }, (_, row) => (features[row * width] ?? Number.NaN) * 2);
          resolve({ outputs, durationMs: 1 });
        },
        fail: () => reject(new Error("the model failed")),
      });
    });
  }

  /** Ends the run with this number, and lets its callbacks run. */
  async end(index: number): Promise<void> {
    this.runs[index]?.end();
    await sleep(0);
  }
}
