/** An attempt that must be rejected. */
export interface Attempt {
  /** The user whose credentials the attempt uses. */
  readonly who: string;
  readonly where: "Kafka" | "Redis" | "Postgres" | "API" | "TLS";
  readonly what: string;
  /** The expected rejection message. */
  readonly refusal: RegExp;
  /** Makes the attempt. Rejects if access is denied. */
  try(): Promise<unknown>;
}

export interface AttemptOutcome extends Omit<Attempt, "try" | "refusal"> {
  /** The rejection message; undefined if the attempt succeeded. */
  readonly refusedBy: string | undefined;
}

const ATTEMPT_MS_MAX = 30_000;

/** Runs all attempts in order, even if one of them succeeds. */
export async function tryAll(attempts: readonly Attempt[]): Promise<readonly AttemptOutcome[]> {
  const outcomes: AttemptOutcome[] = [];
  for (const { who, where, what, refusal, try: run } of attempts) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no response within ${ATTEMPT_MS_MAX} ms`)), ATTEMPT_MS_MAX);
    });
    const refusedBy = await Promise.race([run(), late]).then(
      () => undefined,
      (error: unknown) => wordsOf(error).find((word) => refusal.test(word)),
    );
    clearTimeout(timer);
    outcomes.push({ who, where, what, refusedBy });
  }
  return outcomes;
}

/** The types, codes and messages of an error and its causes. */
function wordsOf(error: unknown, depth = 0): string[] {
  if (typeof error !== "object" || error === null || depth > 5) return [];
  const own = ["type", "code", "message"].map((name): unknown => Reflect.get(error, name));
  const causes = ["cause", "originalError", "errors"].flatMap((name): unknown => Reflect.get(error, name));
  return [...own.filter((word) => typeof word === "string"), ...causes.flatMap((cause) => wordsOf(cause, depth + 1))];
}
