import { Html, html } from "./html.js";

test.each<[string, Html, string]>([
  ["text is escaped", html`<p>${'<b> & "c"'}</p>`, "<p>&lt;b&gt; &amp; &quot;c&quot;</p>"],
  ["text in an attribute cannot leave it", html`<p title="${'" onclick="'}">`, '<p title="&quot; onclick=&quot;">'],
  ["HTML inside HTML stays", html`<ul>${html`<li>${"<"}</li>`}</ul>`, "<ul><li>&lt;</li></ul>"],
  ["lists are joined, each part by the same rules", html`${["<", html`<br>`, ["&"], 1.5]}`, "&lt;<br>&amp;1.5"],
  ["a backslash stays", html`<p>\d${"\\"}</p>`, "<p>\\d\\</p>"],
  ["markup of a library is marked as such", html`${new Html("<svg></svg>")}`, "<svg></svg>"],
])("%s", (_what, made, text) => {
  expect(made.toString()).toBe(text);
});
