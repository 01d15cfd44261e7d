import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Diagnostic } from "@codemirror/lint";
import { linter, lintGutter } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import type { Extension, Text } from "@codemirror/state";
import { EditorState, StateEffect } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers, tooltips } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { completePolicy } from "./complete-policy.js";
import { readFault } from "./read-fault.js";
import { findFaults } from "./use-policy.js";

const CHECK_DELAY_MS = 400;
const CHECK_MS_MAX = 10_000;
const CHECK_AGAIN_MS = 3_000;
/** Checks the text again. */
const checkAgain = StateEffect.define();

interface PolicyTextProps {
  readonly label: string;
  readonly text: string;
  /** The text for comparison. */
  readonly original?: string;
  readonly isReadOnly?: boolean;
  readonly onChange?: (text: string) => void;
  /** Undefined while the text is being checked. */
  readonly onFaults?: (faults: readonly string[] | undefined) => void;
}

/**
 * Shows, compares or edits the policy's text. The editor is in a shadow tree, where it uses constructed style sheets.
 * In the page itself it would write style elements, which the page's policy forbids.
 */
export function PolicyText(props: PolicyTextProps) {
  const { label, text, original, isReadOnly = props.onChange === undefined } = props;
  const frame = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const newest = useRef(props);
  // Texts reported by the editor that the page has not rendered yet, oldest first.
  const reported = useRef<string[]>([]);
  useEffect(() => {
    newest.current = props;
  });
  // Typed text returns here as a prop and must not create a new editor.
  useEffect(() => {
    const host = frame.current;
    if (host === null) return;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const state = EditorState.create({
      doc: text,
      extensions: extensionsOf({ label, original, isReadOnly }, newest, reported),
    });
    view.current = new EditorView({ state, parent: root, root });
    return () => view.current?.destroy();
  }, [label, original, isReadOnly]);
  // Only text from elsewhere is put into the editor, because the user may have typed more by the time the page renders.
  useEffect(() => {
    const editor = view.current;
    const drawn = reported.current.indexOf(text);
    reported.current.splice(0, drawn + 1);
    if (editor === undefined || drawn >= 0 || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);
  return <div ref={frame} className="policy-text" />;
}

interface Look {
  readonly label: string;
  readonly original: string | undefined;
  readonly isReadOnly: boolean;
}

function extensionsOf(
  { label, original, isReadOnly }: Look,
  newest: { readonly current: PolicyTextProps },
  reported: { readonly current: string[] },
): Extension[] {
  const common: Extension[] = [
    lineNumbers(),
    yaml(),
    syntaxHighlighting(COLOURS),
    THEME,
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label, "aria-readonly": String(isReadOnly), tabindex: "0" }),
    EditorState.readOnly.of(isReadOnly),
    ...(original === undefined ? [] : [unifiedMergeView({ original, mergeControls: false, collapseUnchanged: {} })]),
  ];
  if (isReadOnly) return [...common, EditorView.editable.of(false)];
  return [
    ...common,
    history(),
    bracketMatching(),
    highlightActiveLine(),
    tooltips({ tooltipSpace: spaceAbove }),
    autocompletion({ override: [completePolicy], icons: false }),
    lintGutter(),
    linter((view) => lint(view, newest), {
      delay: CHECK_DELAY_MS,
      needsRefresh: ({ transactions }) =>
        transactions.some(({ effects }) => effects.some((effect) => effect.is(checkAgain))),
    }),
    // Tab is not bound, so that keyboard users can leave the editor.
    keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
    EditorView.updateListener.of((update) => {
      if (!update.docChanged) return;
      const typed = update.state.doc.toString();
      reported.current.push(typed);
      newest.current.onFaults?.(undefined);
      newest.current.onChange?.(typed);
    }),
  ];
}

/** Keeps the list inside the editor, so that it does not cover the buttons below and catch their clicks. */
function spaceAbove({ dom }: EditorView): { left: number; right: number; top: number; bottom: number } {
  return { left: 0, right: innerWidth, top: 0, bottom: dom.getBoundingClientRect().bottom };
}

async function lint(view: EditorView, newest: { readonly current: PolicyTextProps }): Promise<Diagnostic[]> {
  const { doc } = view.state;
  let faults: readonly string[];
  try {
    faults = await findFaults(doc.toString(), AbortSignal.timeout(CHECK_MS_MAX));
  } catch {
    // Retries if the control plane is unavailable. Otherwise, the text would stay unchecked until the next key press.
    setTimeout(() => {
      if (view.dom.isConnected && view.state.doc === doc) view.dispatch({ effects: checkAgain.of(null) });
    }, CHECK_AGAIN_MS);
    return [];
  }
  if (view.state.doc === doc) newest.current.onFaults?.(faults);
  return faults.map((fault) => diagnosticOf(fault, doc));
}

function diagnosticOf(fault: string, doc: Text): Diagnostic {
  const { line, column, text } = readFault(fault);
  const { from, to } = doc.line(Math.max(1, Math.min(line ?? 1, doc.lines)));
  return { from: Math.min(from + column - 1, to), to, severity: "error", message: text };
}

const COLOURS = HighlightStyle.define([
  { tag: tags.comment, color: "var(--quiet)" },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--review)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket], color: "var(--quiet)" },
]);

const THEME = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "0.8125rem", maxHeight: "60vh" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", overflow: "auto" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--quiet)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--hover)" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line-strong)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--chosen)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--quiet)", fontStyle: "normal" },
  ".cm-changedLine": { backgroundColor: "var(--approve-ground) !important" },
  ".cm-insertedLine": { backgroundColor: "var(--approve-ground)" },
  ".cm-changedText": { background: "none", fontWeight: "700" },
  ".cm-deletedChunk": { backgroundColor: "var(--decline-ground)", paddingInlineStart: "0.375rem" },
  ".cm-deletedText": { background: "none", fontWeight: "700" },
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: '"…"' },
  ".cm-collapsedLines": { background: "var(--sunken)", color: "var(--quiet)" },
});
