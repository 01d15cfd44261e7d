import type { ComponentProps, ReactNode } from "react";
import { useId } from "react";

type InputProps = Omit<ComponentProps<"input">, "onChange"> & {
  readonly label: string;
  readonly isLabelHidden?: boolean;
  readonly hint?: string;
  readonly onChange: (value: string) => void;
};

export function TextField({ label, isLabelHidden = false, hint, onChange, ...rest }: InputProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id} className={isLabelHidden ? "visually-hidden" : ""}>
        {label}
      </label>
      <input
        autoComplete="off"
        spellCheck={false}
        {...rest}
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onChange(event.target.value)}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} className="quiet">
          {hint}
        </p>
      )}
    </div>
  );
}

type AreaProps = Omit<ComponentProps<"textarea">, "onChange"> & {
  readonly label: string;
  readonly onChange: (value: string) => void;
};

export function AreaField({ label, onChange, ...rest }: AreaProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea rows={3} {...rest} id={id} onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}

type SelectProps = Omit<ComponentProps<"select">, "onChange"> & {
  readonly label: string;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly onChange: (value: string) => void;
};

/** The browser's native list, which works with the keyboard, on phones and with every screen reader. */
export function SelectField({ label, options, onChange, ...rest }: SelectProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select {...rest} id={id} onChange={(event) => onChange(event.target.value)}>
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  );
}

interface CheckProps {
  readonly label: ReactNode;
  readonly isChecked: boolean;
  readonly isBusy?: boolean;
  readonly onChange: (isChecked: boolean) => void;
}

export function CheckField({ label, isChecked, isBusy = false, onChange }: CheckProps) {
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={isChecked}
        disabled={isBusy}
        onChange={(event) => onChange(event.target.checked)}
      />
      {label}
    </label>
  );
}
