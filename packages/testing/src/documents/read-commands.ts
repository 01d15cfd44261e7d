import { readMarkdown } from "./read-markdown.js";

/** Replaces everything that readers must fill in: `<folder>`, `…`, or the output of another command. */
export const PLACEHOLDER = "1";

/** One command of a document, parsed as a shell would parse it. */
export interface DocumentedCommand {
  /** Its position, as `file:line`. */
  readonly at: string;
  readonly words: readonly string[];
  /** False for a mention within a sentence, which may omit required arguments. */
  readonly isWhole: boolean;
}

/** Code spans that are commands; all other code spans are names, including the names of benchmarks. */
const MENTIONED =
  /^(?:\w+=\S+ )*(npm (run |test\b)|npx |tripline (?!windows$)[a-z]|docker compose [a-z-]|helm [a-z]+ |node [\w.]+\/)/;

/** The shell commands in the fenced blocks and code spans of a Markdown document. */
export function readCommands(file: string, text: string): DocumentedCommand[] {
  return readMarkdown(text).flatMap((node) => {
    const line = node.position?.start.line ?? 0;
    if (node.type === "code" && node.lang === "sh") return commandsOf(`${file}:${line + 1}`, node.value, true);
    // In a code span, a line break is a space.
    const span = node.type === "inlineCode" ? node.value.replaceAll("\n", " ") : "";
    return MENTIONED.test(span) ? commandsOf(`${file}:${line}`, span, false) : [];
  });
}

function commandsOf(at: string, text: string, isWhole: boolean): DocumentedCommand[] {
  return splitCommands(text).map((words) => ({ at, words, isWhole }));
}

/** The words of each simple command in a shell text, including commands in `$(…)`. */
export function splitCommands(text: string): string[][] {
  const reader = new ShellReader(text.replaceAll(/<[^<>\n|;&$]*>|…/g, PLACEHOLDER));
  return reader.read().flatMap((words) => {
    const command = withoutPrefix(words);
    return command.length === 0 ? [] : [command];
  });
}

/** Removes assignments and shell keywords before a command. */
function withoutPrefix(words: readonly string[]): string[] {
  const [first = "", ...rest] = words;
  if (/^(do|then|else|export)$/.test(first) || /^\w+=/.test(first)) return withoutPrefix(rest);
  return /^(for|done|if|fi|while)$/.test(first) ? [] : [...words];
}

/** Splits a text at blanks and operators, and handles quotes, comments and substitutions. */
class ShellReader {
  readonly #commands: string[][] = [];
  #words: string[] = [];
  #word: string | undefined;
  #at = 0;

  constructor(private readonly text: string) {}

  read(): string[][] {
    while (this.#at < this.text.length) this.#step();
    this.#endCommand();
    return this.#commands;
  }

  #step(): void {
    const char = this.text.charAt(this.#at);
    if (char === "\\") this.#escape();
    else if (char === "'" || char === '"') this.#quoted(char);
    else if (this.text.startsWith("$(", this.#at)) this.#substitution();
    else if (char === "#" && this.#word === undefined) this.#at = this.#endOfLine();
    else if (/[\n;|&]/.test(char)) this.#endCommand();
    else if (/\s/.test(char)) this.#endWord();
    else if (char === "<" || char === ">") this.#redirect();
    else this.#append(char);
    this.#at += 1;
  }

  #append(text: string): void {
    this.#word = (this.#word ?? "") + text;
  }

  #endWord(): void {
    if (this.#word !== undefined) this.#words.push(this.#word);
    this.#word = undefined;
  }

  #endCommand(): void {
    this.#endWord();
    if (this.#words.length > 0) this.#commands.push(this.#words);
    this.#words = [];
  }

  #escape(): void {
    this.#at += 1;
    if (this.text.charAt(this.#at) !== "\n") this.#append(this.text.charAt(this.#at));
  }

  /** A substitution within double quotes also contains a command. */
  #quoted(quote: string): void {
    this.#append("");
    for (this.#at += 1; this.#at < this.text.length && this.text.charAt(this.#at) !== quote; this.#at += 1) {
      if (quote === '"' && this.text.startsWith("$(", this.#at)) this.#substitution();
      else this.#append(this.text.charAt(this.#at));
    }
  }

  #substitution(): void {
    const start = this.#at + 2;
    let depth = 1;
    for (this.#at = start; this.#at < this.text.length && depth > 0; this.#at += 1) {
      if (this.text.charAt(this.#at) === "(") depth += 1;
      if (this.text.charAt(this.#at) === ")") depth -= 1;
    }
    this.#at -= 1;
    this.#commands.push(...new ShellReader(this.text.slice(start, this.#at)).read());
    this.#append(PLACEHOLDER);
  }

  /** Skips redirections and here-documents, which are not words of the command. */
  #redirect(): void {
    this.#endWord();
    const here = /^<<-?\s*['"]?(\w+)['"]?[\s\S]*?\n\1(?=\n|$)/.exec(this.text.slice(this.#at));
    if (here !== null) {
      this.#at += here[0].length - 1;
      return;
    }
    const file = /^[<>]+&?\s*[^\s;|&]*/.exec(this.text.slice(this.#at));
    this.#at += (file?.[0].length ?? 1) - 1;
  }

  #endOfLine(): number {
    const end = this.text.indexOf("\n", this.#at);
    return (end === -1 ? this.text.length : end) - 1;
  }
}
