import type { Content } from "./html.js";
import { Html, html } from "./html.js";
import { PAGE_STYLE } from "./page-style.js";

/** A self-contained document that loads nothing and runs no script. */
export function renderPage(title: string, body: Content): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${new Html(PAGE_STYLE)}</style></head><body>
${body}
</body></html>
`;
  return page.toString();
}
