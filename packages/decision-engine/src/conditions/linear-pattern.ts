import { RE2JS, RE2JSException } from "re2js";

/** A regular expression whose matching time is linear in the text, regardless of the pattern. */
export interface LinearPattern {
  /** Maximum number of instructions examined per character. */
  readonly size: number;
  /** Whether any part of the text matches. */
  isFoundIn(text: string): boolean;
}

/** A pattern is not compiled if expanding its repetitions could make it longer than this. */
const REPEATED_CHARACTERS_MAX = 20_000;
/** A larger pattern takes too many steps for the longest text of a payment. */
const SIZE_MAX = 600;
/** The limit for all patterns of a policy together; compiling this many takes a few hundred milliseconds. */
const SIZES_MAX = 50_000;
const REPETITION = /\{(\d{1,4})(?:,(\d{0,4}))?\}/g;
/** RE2 instructions per step. */
const PER_STEP = 2;
const MATCH_STEPS = 20;
const COMPILE_STEPS = 2_000;
const COMPILE_STEPS_PER_CHARACTER = 50;
const TOO_LARGE = "repeats its parts too often";

/**
 * Compiles the patterns of one policy. Repetitions can make a short pattern expensive to compile, so all patterns share
 * a limit.
 */
export class PatternCompiler {
  #left = SIZES_MAX;

  /** @returns why the pattern is not supported: the text after "which" in a sentence */
  compile(pattern: string): LinearPattern | string {
    if (repeatedCharacters(pattern) > REPEATED_CHARACTERS_MAX) return TOO_LARGE;
    if (this.#left < pattern.length) return "is too large together with the other patterns of the policy";
    this.#left -= pattern.length;
    try {
      const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
      const size = compiled.programSize();
      this.#left -= size;
      if (size > SIZE_MAX) return TOO_LARGE;
      // Unlike `test`, `find` does not cache states between texts, which could take up to 8 MB per pattern.
      return { size, isFoundIn: (text) => compiled.matcher(text).find() };
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      return `cannot be matched in linear time (${error.message})`;
    }
  }
}

export function matchSteps(size: number, characters: number): number {
  return MATCH_STEPS + Math.ceil(((characters + 1) * size) / PER_STEP);
}

/** Steps for a pattern that is not a literal and is therefore compiled for each payment. */
export function compileSteps(characters: number): number {
  return COMPILE_STEPS + COMPILE_STEPS_PER_CHARACTER * characters;
}

/** An upper bound of the pattern's length with its repetitions expanded. */
function repeatedCharacters(pattern: string): number {
  let characters = pattern.length;
  for (const [, from, to] of pattern.matchAll(REPETITION)) characters *= Math.max(1, Number(from), Number(to ?? 0));
  return characters;
}
