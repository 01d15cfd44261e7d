import { createHash } from "node:crypto";
import { PASSKEY_SCRIPT_SOURCE } from "./passkey-script.js";

/**
 * Sign-in pages in plain HTML. Only passkeys need a script, so there is nothing to inject into. Colours have a contrast
 * of at least 4.5 in both schemes.
 */
const STYLE = `
:root { color-scheme: light dark; --ground: #f4f5f7; --card: #ffffff; --text: #1b1f24; --quiet: #57606a; --line: #8c959f;
  --accent: #0b57d0; --on-accent: #ffffff; --error: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --card: #161b22; --text: #e6edf3; --quiet: #9da7b3;
  --line: #6e7681; --accent: #7cb0ff; --on-accent: #06142b; --error: #ff9d94; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 1rem; display: grid; place-items: center; background: var(--ground);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; }
.product { margin: 0 0 1.5rem; font-weight: 600; color: var(--quiet); }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
.error { margin: 0 0 1.5rem; padding: .75rem 1rem; border: 2px solid var(--error); border-radius: .5rem; }
.error h2 { margin: 0; font-size: 1rem; color: var(--error); }
.error p { margin: .25rem 0 0; }
label { display: block; margin-bottom: .25rem; font-weight: 600; }
.hint { margin: 0 0 .25rem; color: var(--quiet); }
input { width: 100%; margin-bottom: 1.25rem; padding: .6rem .75rem; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; }
input[aria-invalid] { border: 2px solid var(--error); }
button { width: 100%; padding: .7rem; font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent);
  border: 1px solid var(--accent); border-radius: .5rem; cursor: pointer; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
code { overflow-wrap: anywhere; font-size: 1rem; }
.qr { display: block; width: 12rem; margin: 0 auto 1rem; background: #ffffff; }
.qr svg { display: block; }
ul.codes { padding: 0; list-style: none; }
@media (max-width: 30rem) { body { padding: 0; place-items: start stretch; background: var(--card); }
  main { border: 0; padding: 1.5rem 1rem; max-width: none; } }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

export interface Page {
  readonly title: string;
  /** Shown above the form and announced by screen readers. */
  readonly error?: string | undefined;
  /** Below the heading. */
  readonly html: string;
  /** URL that the browser opens immediately. */
  readonly refreshTo?: string;
}

/** Renders a complete page. `html` must already be safe; the title and the error are escaped. */
export function renderPage({ title, error, html, refreshTo }: Page): string {
  const summary =
    error === undefined
      ? ""
      : `<div class="error" role="alert"><h2>There is a problem</h2><p id="problem">${escapeHtml(error)}</p></div>`;
  const heading = escapeHtml(title);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${error === undefined ? "" : "Error: "}${heading} – Tripline</title>
${refreshTo === undefined ? "" : `<meta http-equiv="refresh" content="0; url=${escapeHtml(refreshTo)}">\n`}<style>${STYLE}</style>
</head>
<body>
<main>
<p class="product">Tripline</p>
<h1>${heading}</h1>
${summary}
${html}
</main>
</body>
</html>
`;
}

/**
 * Headers of every page. Nothing may be loaded, no other site may frame the page, and forms may only be sent to this
 * service. Browsers also apply the last rule to redirects after a form, so the target of a sign-in is allowed.
 *
 * @param leadsTo the URL to which a form of the page may redirect
 * @param hasPasskey whether the page has the script that asks for a passkey
 */
export function pageHeaders(leadsTo?: string, hasPasskey = false): Record<string, string> {
  const origin = URL.parse(leadsTo ?? "")?.origin;
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    `form-action 'self'${origin === undefined || origin === "null" ? "" : ` ${origin}`}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    // Only passkey pages allow a script.
    ...(hasPasskey ? [`script-src ${PASSKEY_SCRIPT_SOURCE}`] : []),
  ].join("; ");
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    // Not `no-referrer`, because browsers would then send the origin `null` with a form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
  };
}

/** A text as HTML, also in a double-quoted attribute. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
