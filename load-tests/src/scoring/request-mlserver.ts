import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { inferRequest, readProbabilities } from "@tripline/decisions/scoring/infer-messages";
import { InferenceClient } from "@tripline/decisions/scoring/inference-client";
import type { Answer } from "@tripline/decisions/scoring/scoring-client";
import { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import type { BenchModel } from "./prepare-models.js";
import { prepareModels } from "./prepare-models.js";
import { startMlserver } from "./start-servers.js";

/**
 * Calls a real MLServer with the client of the decisions service, to test the client with another server of the
 * protocol. Exits with 0 if MLServer returns the scores of the golden batches and rejects invalid requests.
 */

const ROOT = resolve(fileURLToPath(new URL("../../..", import.meta.url)));
const ANSWER_MS_MAX = 30_000;
/** Maximum difference from the score of onnx's reference evaluator. */
const DIFFERENCE_MAX = 1e-5;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const results = join(ROOT, ".tripline", "bench");
const context = new BenchContext({ root: ROOT, rounds: undefined, flags: {}, log: say, results });
const deadlineMs = (): number => performance.now() + ANSWER_MS_MAX;

function given<T>(what: string, answer: Answer<T>): T {
  if ("value" in answer) return answer.value;
  throw new BenchError(`${what}: MLServer returned ${answer.status}: ${answer.detail}`);
}

async function requestScores(client: InferenceClient, { name, golden, width }: BenchModel): Promise<void> {
  const metadata = given(`metadata of ${name}`, await client.modelMetadata(name, "", deadlineMs()));
  if (metadata.name !== name)
    throw new BenchError(`MLServer reports the name of the model ${name} as "${metadata.name}".`);
  const rows = golden.inputs;
  const response = given(`scores of ${name}`, await client.infer(inferRequest(name, rows), {}, deadlineMs()));
  const scores = readProbabilities(response, rows.length);
  if (typeof scores === "string") throw new BenchError(`MLServer returned ${scores}.`);
  const apart = scores.map((score, row) => Math.abs(score - (golden.outputs[row] ?? Number.NaN)));
  if (!(Math.max(...apart) <= DIFFERENCE_MAX)) throw new BenchError(`MLServer returns different scores for ${name}.`);
  say(`${name} ${response.modelVersion}: ${rows.length} rows of ${width} features with the scores of the golden batch`);
}

async function requestUnknown(client: InferenceClient): Promise<void> {
  const answer = await client.infer(inferRequest("unknown", [[1]]), {}, deadlineMs());
  if (!("failure" in answer) || answer.failure !== "refused") {
    throw new BenchError("The client does not report MLServer's response for an unknown model as a rejection.");
  }
  say(`an unknown model: rejected with ${answer.status}`);
}

try {
  const models = await prepareModels(context);
  const server = await startMlserver(context, models);
  const client = new InferenceClient(server.address);
  context.defer(async () => client.close());
  for (const model of [models.trees, models.network]) await requestScores(client, model);
  await requestUnknown(client);
  say(`mlserver ${context.versions.mlserver}: compatible with the client of the decisions service`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  await context.close();
}
