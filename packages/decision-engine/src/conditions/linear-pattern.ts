import { RE2JS, RE2JSException } from "re2js";

/** A regular expression whose matching takes time in proportion to the text, whatever the pattern. */
export interface LinearPattern {
  /** Instructions that may be looked at for each character. */
  readonly size: number;
  /** Whether some part of the text matches. */
  isFoundIn(text: string): boolean;
}

/** A pattern is not compiled if its repetitions, multiplied, may make it larger. */
const REPEATED_CHARACTERS_MAX = 20_000;
/** A larger one takes too many steps with the longest text of a payment. */
const SIZE_MAX = 600;
/** Of all patterns of a policy: some hundred milliseconds. */
const SIZES_MAX = 50_000;
const REPETITION = /\{(\d{1,4})(?:,(\d{0,4}))?\}/g;
/** Instructions of RE2 per step. */
const PER_STEP = 2;
const MATCH_STEPS = 20;
const COMPILE_STEPS = 2_000;
const COMPILE_STEPS_PER_CHARACTER = 50;
const TOO_LARGE = "repeats its parts too often";

/** Compiles the patterns of one policy. Repetitions make a short pattern long to compile, so that together they have a limit. */
export class PatternCompiler {
  #left = SIZES_MAX;

  /** @returns why it is not supported: what follows "which" in a sentence */
  compile(pattern: string): LinearPattern | string {
    if (repeatedCharacters(pattern) > REPEATED_CHARACTERS_MAX) return TOO_LARGE;
    if (this.#left < pattern.length) return "is too large together with the other patterns of the policy";
    this.#left -= pattern.length;
    try {
      const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
      const size = compiled.programSize();
      this.#left -= size;
      if (size > SIZE_MAX) return TOO_LARGE;
      // `find` keeps no states from one text to the next, which `test` does: up to 8 MB per pattern.
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

/** Of a pattern that is not a literal, and so is compiled for each payment. */
export function compileSteps(characters: number): number {
  return COMPILE_STEPS + COMPILE_STEPS_PER_CHARACTER * characters;
}

/** An upper bound of the characters of the pattern with its repetitions written out. */
function repeatedCharacters(pattern: string): number {
  let characters = pattern.length;
  for (const [, from, to] of pattern.matchAll(REPETITION)) characters *= Math.max(1, Number(from), Number(to ?? 0));
  return characters;
}
