import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { ModelInferRequest, ModelInferResponse } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { GRPCInferenceServiceService } from "@tripline/contracts/generated/inference/grpc_predict_v2";
import { scoringBenchmark } from "./bench-scoring.js";
import { callEach, driveCalls } from "./drive-calls.js";
import { GrpcConnection } from "./grpc-connection.js";
import { expectGolden, goldenRequests, makeRequests } from "./make-requests.js";
import type { BenchModel } from "./prepare-models.js";

const MODEL: BenchModel = {
  name: "trees",
  path: "",
  width: 32,
  golden: {
    inputs: [
      [0.5, 1],
      [0.25, 2],
    ],
    outputs: [0.5, 0.25],
  },
};

let server: Server;
let address: string;
let requests: ModelInferRequest[];

/** A server built with the official gRPC library that returns each row's first value, or an error. */
beforeEach(async () => {
  requests = [];
  server = new Server();
  server.addService(GRPCInferenceServiceService, {
    modelInfer(
      { request }: ServerUnaryCall<ModelInferRequest, ModelInferResponse>,
      done: sendUnaryData<ModelInferResponse>,
    ) {
      requests.push(request);
      if (request.modelName !== "trees") return done({ code: status.NOT_FOUND, details: "no such model" });
      const [rows = 0, width = 0] = request.inputs[0]?.shape ?? [];
      const raw = request.rawInputContents[0] ?? Buffer.alloc(0);
      const firsts = Array.from({ length: rows }, (_, row) => raw.subarray(row * width * 4, row * width * 4 + 4));
      done(null, {
        modelName: request.modelName,
        modelVersion: "1",
        id: request.id,
        parameters: {},
        outputs: [],
        rawOutputContents: [Buffer.concat(firsts)],
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  address = `127.0.0.1:${port}`;
});

afterEach(() => server.forceShutdown());

test("exchanges calls and responses with a server of the official gRPC library", async () => {
  const answers = await callEach(address, goldenRequests(MODEL));
  expectGolden("the server", MODEL, answers);
  expect(requests.map((request) => request.inputs[0]?.shape)).toEqual([
    [1, 2],
    [1, 2],
  ]);
  const other = { ...MODEL, golden: { ...MODEL.golden, outputs: [0.5, 0.26] } };
  expect(() => expectGolden("the server", other, answers)).toThrow(
    "the server returns scores that differ from trees's golden batch.",
  );
});

test("many calls of several frames each respect the connection's flow-control windows", async () => {
  const connection = await GrpcConnection.open(address, "/inference.GRPCInferenceService/ModelInfer");
  const messages = makeRequests(MODEL, 256);
  const answers = await Promise.all(messages.map((message) => connection.call(message)));
  connection.close();
  expect(answers).toHaveLength(messages.length);
  // Each response belongs to its own request.
  const firsts = messages.map((message) => message.subarray(message.length - 256 * 32 * 4).readFloatLE(0));
  expect(answers.map((answer) => answer.subarray(answer.length - 256 * 4).readFloatLE(0))).toEqual(firsts);
});

test("a rejected call ends the load with an error", async () => {
  const messages = goldenRequests({ ...MODEL, name: "network" });
  const load = { addresses: [address], messages, connections: 1, callsEach: 1, durationMs: 60_000 };
  await expect(driveCalls(load)).rejects.toThrow("The server responded to a call with an error.");
});

test("names an unreachable server", async () => {
  server.forceShutdown();
  await expect(callEach(address, goldenRequests(MODEL))).rejects.toThrow(`${address} cannot be reached`);
});

test("the last line starts with the documented figures", () => {
  expect(scoringBenchmark.line.slice(0, 7)).toEqual([
    "unary_ratio",
    "batched_ratio",
    "mlserver_ratio",
    "mlserver_p99_ratio",
    "contrib_us",
    "b1_us",
    "row_us_b256",
  ]);
});
