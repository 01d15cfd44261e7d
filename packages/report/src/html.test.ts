import { Html, html } from "./html.js";

test.each<[string, Html, string]>([
  ["escapes text", html`<p>${'<b> & "c"'}</p>`, "<p>&lt;b&gt; &amp; &quot;c&quot;</p>"],
  ["escapes text in an attribute", html`<p title="${'" onclick="'}">`, '<p title="&quot; onclick=&quot;">'],
  ["keeps HTML inside HTML", html`<ul>${html`<li>${"<"}</li>`}</ul>`, "<ul><li>&lt;</li></ul>"],
  ["joins lists, each part by the same rules", html`${["<", html`<br>`, ["&"], 1.5]}`, "&lt;<br>&amp;1.5"],
  ["keeps a backslash", html`<p>\d${"\\"}</p>`, "<p>\\d\\</p>"],
  ["keeps a library's markup that is marked as such", html`${new Html("<svg></svg>")}`, "<svg></svg>"],
])("%s", (_what, made, text) => {
  expect(made.toString()).toBe(text);
});
