/** The prompt: instructions and the facts as JSON. */
export interface NarrativePrompt {
  readonly task: string;
  readonly facts: string;
}

/** The port to what writes a text from facts. */
export interface NarrativeModel {
  /** As people are told it. */
  readonly name: string;
  /** @throws whatever its library throws; `signal` ends it */
  write(prompt: NarrativePrompt, signal: AbortSignal): Promise<string>;
}

/** Location of a model, from the settings `NARRATIVE_…` of the console. */
export interface ModelPlace {
  readonly kind: "bedrock" | "azure" | "vertex";
  /** Its id, or the name of its deployment on Azure. */
  readonly model: string;
  /** Absent: that of the cloud in the region. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly project?: string | undefined;
  readonly apiKey?: string | undefined;
  /** For one answer. */
  readonly waitMs: number;
}

/** Maximum tokens of a response, including those for reasoning. */
export const ANSWER_TOKENS_MAX = 1_000;
