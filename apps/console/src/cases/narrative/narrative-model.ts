/** The prompt: instructions and the facts as JSON. */
export interface NarrativePrompt {
  readonly task: string;
  readonly facts: string;
}

/** A model that writes a summary from facts. */
export interface NarrativeModel {
  /** The name that users see. */
  readonly name: string;
  /** Aborted by `signal`. @throws errors of its library */
  write(prompt: NarrativePrompt, signal: AbortSignal): Promise<string>;
}

/** Location of a model, from the settings `NARRATIVE_…` of the console. */
export interface ModelPlace {
  readonly kind: "bedrock" | "azure" | "vertex";
  /** The model's ID, or the name of its deployment on Azure. */
  readonly model: string;
  /** Default: the cloud's endpoint in the region. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly project?: string | undefined;
  readonly apiKey?: string | undefined;
  /** Maximum time to wait for a response, in milliseconds. */
  readonly waitMs: number;
}

/** Maximum number of tokens in a response, including those for reasoning. */
export const ANSWER_TOKENS_MAX = 1_000;
