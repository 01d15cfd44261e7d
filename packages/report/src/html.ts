/** Text that is already HTML. All other values in a page are escaped. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type Content = Html | string | number | readonly Content[];

/** HTML from a template: values are escaped unless they are HTML; lists are joined. */
export function html(template: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(String.raw(template, ...values.map(textOf)));
}

function textOf(content: Content): string {
  if (content instanceof Html) return content.toString();
  if (typeof content === "object") return content.map(textOf).join("");
  return String(content)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
