import { useState } from "react";
import { text } from "../texts/en/app.js";
import { Dialog } from "../ui/dialog.js";
import { CheckField } from "../ui/field.js";
import { areShortcutsOn, switchShortcuts } from "./shortcuts.js";

export function HelpDialog({ onClose }: { readonly onClose: () => void }) {
  const [isOn, setOn] = useState(areShortcutsOn);
  return (
    <Dialog title={text.help.title} description={text.help.note} onClose={onClose}>
      <CheckField
        label={text.help.switch}
        isChecked={isOn}
        onChange={(next) => {
          switchShortcuts(next);
          setOn(next);
        }}
      />
      <dl className="keys">
        {text.help.keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
