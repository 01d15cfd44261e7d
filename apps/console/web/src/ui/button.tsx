import type { ComponentProps } from "react";

type ButtonProps = Omit<ComponentProps<"button">, "type"> & {
  readonly look?: "plain" | "primary" | "danger" | "quiet";
  readonly shortcut?: string;
  readonly type?: "button" | "submit";
};

/** A button that shows its key, if it has one. */
export function Button({ look = "plain", shortcut, type = "button", className = "", children, ...rest }: ButtonProps) {
  return (
    <button {...rest} type={type} aria-keyshortcuts={shortcut} className={`button ${look} ${className}`}>
      {children}
      {shortcut !== undefined && (
        <span className="key" aria-hidden="true">
          {shortcut}
        </span>
      )}
    </button>
  );
}
