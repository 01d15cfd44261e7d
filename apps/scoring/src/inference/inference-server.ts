import { TriplineError } from "@tripline/contracts/error-table";
import type {
  ModelInferResponse,
  ModelMetadataResponse,
  ModelStatistics,
  RepositoryIndexResponse_ModelIndex,
  ServerMetadataResponse,
} from "@tripline/contracts/generated/inference/grpc_predict_v2";
import type { ModelConfig } from "@tripline/contracts/generated/inference/model_config";
import type { ModelRegistry } from "@tripline/model-registry/model-registry";
import { configureModel, describeModel, EXTENSIONS, indexModels, statisticsOf } from "../models/describe-model.js";
import type { ServedModels } from "../models/served-models.js";
import type { ScoringMetrics } from "../scoring-metrics.js";
import type { InferCall } from "./answer-inference.js";
import { answerInference } from "./answer-inference.js";

export interface InferenceServerOptions {
  readonly models: Pick<ServedModels, "all" | "allSlots" | "failure" | "find" | "isReady" | "load" | "unload">;
  readonly registry: ModelRegistry;
  readonly metrics: ScoringMetrics;
  /** Version of this server, for its metadata. */
  readonly version: string;
  /** Whether callers can load and unload models. */
  readonly isControlled: boolean;
  /** Whether the service is shutting down, so that no new work should be sent here. */
  isDraining(): boolean;
}

/** The Open Inference Protocol with Triton's extensions, over gRPC and HTTP. */
export class InferenceServer {
  constructor(private readonly options: InferenceServerOptions) {}

  isReady(): boolean {
    return !this.options.isDraining() && this.options.models.failure === undefined;
  }

  isModelReady(name: string, version: string): boolean {
    return !this.options.isDraining() && this.options.models.isReady(name, version);
  }

  metadata(): ServerMetadataResponse {
    return { name: "tripline-scoring", version: this.options.version, extensions: [...EXTENSIONS] };
  }

  /**
   * Name of the first served model, for callers that cannot name one.
   *
   * @throws TriplineError `scoring-unavailable` if no models are loaded
   */
  firstModel(): string {
    const [first] = this.options.models.all();
    if (first === undefined) throw new TriplineError("scoring-unavailable", "No models are loaded.");
    return first.manifest.name;
  }

  /** @throws TriplineError `model-not-found`, `scoring-unavailable` if it is not loaded */
  modelMetadata(name: string, version: string): ModelMetadataResponse {
    const { models } = this.options;
    const model = models.find(name, version);
    if (version !== "") return describeModel(model, [model.manifest.version]);
    const served = models.all().filter((one) => one.manifest.name === name);
    return describeModel(model, [...new Set(served.map((one) => one.manifest.version))]);
  }

  /** @throws TriplineError as `modelMetadata` does */
  modelConfig(name: string, version: string): ModelConfig {
    return configureModel(this.options.models.find(name, version));
  }

  /**
   * @param name empty for all models
   * @throws the same errors as `modelMetadata`
   */
  statistics(name: string, version: string): ModelStatistics[] {
    const { models } = this.options;
    if (name === "") return models.all().map(statisticsOf);
    const asked = models.find(name, version);
    if (version !== "") return [statisticsOf(asked)];
    return models.all().flatMap((model) => (model.manifest.name === name ? [statisticsOf(model)] : []));
  }

  /** @throws TriplineError as `answerInference` does */
  infer(call: InferCall): Promise<ModelInferResponse> {
    const { models, metrics } = this.options;
    return answerInference(call, { find: (name, version) => models.find(name, version), metrics });
  }

  /** @throws TriplineError if the registry cannot be read */
  index(repository: string, isOnlyReady: boolean): Promise<RepositoryIndexResponse_ModelIndex[]> {
    checkRepository(repository);
    return indexModels(this.options.models.allSlots(), this.options.registry, isOnlyReady);
  }

  /**
   * @param parameters names of the request's parameters; Triton's `config` and files are not supported
   * @throws TriplineError if the model cannot be served
   */
  async load(repository: string, name: string, parameters: readonly string[]): Promise<void> {
    this.checkControl(repository);
    const [odd] = parameters;
    if (odd !== undefined) {
      throw new TriplineError(
        "invalid-field",
        `The parameter "${odd}" is not supported: the service loads models only from its registry, unchanged.`,
      );
    }
    await this.options.models.load(name);
  }

  /** @throws TriplineError `model-not-found` */
  async unload(repository: string, name: string): Promise<void> {
    this.checkControl(repository);
    await this.options.models.unload(name);
  }

  private checkControl(repository: string): void {
    checkRepository(repository);
    if (this.options.isControlled) return;
    throw new TriplineError(
      "scope-missing",
      "This service does not allow callers to load and unload models. Start it with MODEL_CONTROL=explicit to allow it.",
    );
  }
}

function checkRepository(name: string): void {
  if (name === "") return;
  throw new TriplineError("invalid-field", `There is no repository "${name}". Leave repository_name empty.`);
}
