import { Dialog as Primitive } from "radix-ui";
import type { ReactNode } from "react";
import { text } from "../texts/en/app.js";

interface DialogProps {
  readonly title: string;
  readonly description?: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly isWide?: boolean;
}

/** Focuses the first field or action instead of the button that closes the dialog. */
function focusFirst(event: Event): void {
  if (!(event.target instanceof HTMLElement)) return;
  const first = event.target.querySelector<HTMLElement>("input, textarea, select, .actions button");
  if (first === null) return;
  event.preventDefault();
  first.focus();
}

/**
 * An open dialog with our own overlay, because the library's overlay writes a style element, which the page's policy
 * forbids.
 */
export function Dialog({ title, description, onClose, children, isWide = false }: DialogProps) {
  return (
    <Primitive.Root open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Primitive.Portal>
        <div className="overlay" />
        <Primitive.Content
          className={isWide ? "dialog wide" : "dialog"}
          onOpenAutoFocus={focusFirst}
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
        >
          <header>
            <Primitive.Title>{title}</Primitive.Title>
            <Primitive.Close className="button quiet" aria-label={text.close}>
              <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
                <path d="M2 2l8 8M10 2l-8 8" />
              </svg>
            </Primitive.Close>
          </header>
          {description !== undefined && <Primitive.Description>{description}</Primitive.Description>}
          {children}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
