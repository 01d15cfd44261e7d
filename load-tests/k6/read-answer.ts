/** The decision in a response. */
export interface Decided {
  readonly outcome: string;
  readonly rung: string;
  /** Time of the decision, RFC 3339. */
  readonly decidedAt: string;
}

/** The decision in the body of a response; undefined if there is none. */
export function readDecision(body: string | null): Decided | undefined {
  return body === null ? undefined : decisionOf(parse(body));
}

export interface LineAnswer {
  readonly status: number;
  readonly decided: Decided | undefined;
}

/** The results of the lines of a batch, by line number from 0. Anything else is ignored. */
export function readLines(body: string | null): ReadonlyMap<number, LineAnswer> {
  const answers = new Map<number, LineAnswer>();
  for (const text of (body ?? "").split("\n")) {
    const answer = text === "" ? undefined : parse(text);
    if (answer === undefined) continue;
    const { line, status, decision } = answer;
    if (typeof line !== "number" || typeof status !== "number") continue;
    answers.set(line - 1, { status, decided: isObject(decision) ? decisionOf(decision) : undefined });
  }
  return answers;
}

function decisionOf(answer: Readonly<Record<string, unknown>> | undefined): Decided | undefined {
  if (answer === undefined) return undefined;
  const { outcome, rung, decided_at: decidedAt } = answer;
  if (typeof outcome !== "string" || typeof rung !== "string" || typeof decidedAt !== "string") return undefined;
  return { outcome, rung, decidedAt };
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    // The response is not from the service, but for example from a proxy.
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
