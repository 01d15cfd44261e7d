import type { PolicyDraftText } from "../api/control.js";
import { useDraft } from "../app/keep-draft.js";
import { useChangePolicy } from "./use-policy.js";

/** A text with the version of the saved draft that it changes; 0 for none. */
export interface TypedDraft {
  readonly text: string;
  readonly version: number;
}

/**
 * Unsaved changes to a draft, and how to save them. They stay based on the version from which the user started, so a
 * save that would replace an unseen version is rejected.
 *
 * @param saved null for a draft that does not exist yet
 * @param base text of a new draft
 */
export function useTypedDraft(name: string, saved: PolicyDraftText | null, base: string) {
  const newest: TypedDraft = { text: saved?.text ?? base, version: saved?.version ?? 0 };
  const [typed, setTyped, drop] = useDraft(`policy ${name}`, newest);
  const { saveDraft } = useChangePolicy();
  const isUnsaved = typed.text !== newest.text;
  // During a save, the new version may be known before the typed text is based on it.
  const isStale = isUnsaved && typed.version !== newest.version && !saveDraft.isPending;
  const save = (): void => {
    // A callback of `mutate` would not run after the user has left the screen.
    void saveDraft
      .mutateAsync({ name, text: typed.text, version: isUnsaved && !isStale ? typed.version : newest.version })
      .then(
        ({ version }) => {
          const typedMeanwhile = drop(typed);
          if (typedMeanwhile !== undefined) setTyped({ ...typedMeanwhile, version });
        },
        () => undefined,
      );
  };
  return {
    typed,
    isUnsaved,
    isStale,
    setText: (text: string): void =>
      setTyped((before) => ({ text, version: before.text === newest.text ? newest.version : before.version })),
    save,
    takeSaved: (): void => void drop(typed),
    saving: saveDraft,
  };
}
