import type { MessagePort } from "node:worker_threads";
import { parentPort, workerData } from "node:worker_threads";
import type { ErrorCode } from "@tripline/contracts/error-table";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import type { SessionModel } from "../scoring/score-session.js";
import type { PolicyText } from "./find-policies.js";
import type { ArchivedDecision } from "./read-archived.js";
import type { Deciders } from "./replay-block.js";
import { replayBlock } from "./replay-block.js";
import { ReplayModel } from "./replay-model.js";
import type { ReplayTally } from "./replay-tally.js";

/** What a thread decides by. */
export interface ReplayInputs {
  readonly policies: readonly PolicyText[];
  /** The only policy decides whatever was decided by, not only its own version's decisions. */
  readonly isPolicyForced: boolean;
  readonly models: readonly SessionModel[];
  /** The same of the only model. */
  readonly isModelForced: boolean;
  /** Their JSON. */
  readonly scorecards: readonly string[];
}

export type ReplayAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "replayed"; readonly tally: ReplayTally }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** The body of a thread that decides archived payments again. It answers in the order of the asking. */
async function serve(port: MessagePort, inputs: ReplayInputs): Promise<void> {
  const answer = (message: ReplayAnswer): void => port.postMessage(message);
  const fail = (error: unknown): void => {
    const { code, message } = asTriplineError(error);
    answer({ kind: "failed", code, message });
  };
  try {
    const deciders = await open(inputs);
    let last: Promise<void> = Promise.resolve();
    port.on("message", (rows: readonly ArchivedDecision[]) => {
      last = last.then(() => replayBlock(rows, deciders)).then((tally) => answer({ kind: "replayed", tally }), fail);
    });
    answer({ kind: "ready" });
  } catch (error) {
    fail(error);
  }
}

async function open(inputs: ReplayInputs): Promise<Deciders> {
  const spec = currentFeatureSpec();
  const policies = inputs.policies.map(({ text, fileName }) => parsePolicy(text, spec, fileName));
  const scorecards = inputs.scorecards.map((text) => parseScorecard(text, spec));
  const models = await Promise.all(inputs.models.map((model) => ReplayModel.open(model)));
  return {
    specVersion: spec.version,
    policyOf: (version) =>
      inputs.isPolicyForced ? policies[0] : policies.find((policy) => policy.version === version),
    modelOf(name, version) {
      const found = inputs.isModelForced
        ? models[0]
        : models.find((model) => model.name === name && model.version === version);
      if (found === undefined) throw new TriplineError("internal", `The model ${name} ${version} was not loaded.`);
      return found;
    },
    scorecardOf: (version) => scorecards.find((card) => card.version === version),
  };
}

if (parentPort === null) throw new Error("replay-worker.js is the body of a worker thread");
await serve(parentPort, workerData);
