/** The keys, and the signs of the phases. */

import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { PHASES } from "../pure/phase";
import { Glyph, PhaseBadge } from "./icons";

const KEYS: [string, [string[], string][]][] = [
  [
    "Anywhere",
    [
      [["?"], "this list"],
      [["/"], "search or filter"],
      [["Esc"], "leave the field, close, back to now"],
      [["g", "r"], "runs"],
      [["g", "t"], "tasks"],
    ],
  ],
  [
    "Lists",
    [
      [["j", "k"], "next, previous"],
      [["Enter"], "open"],
    ],
  ],
  [
    "A run",
    [
      [["↑", "↓"], "next, previous line of the tree"],
      [["→", "←"], "unfold, fold, to the parent"],
      [["1", "…", "6"], "panes of the action"],
      [["p"], "play the run, pause"],
      [[",", "."], "one event back, one on"],
    ],
  ],
];

export function Help({ close }: { close: () => void }): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      class="help"
      ref={dialog}
      aria-labelledby="help-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="help-body">
        <header>
          <h2 id="help-title">Keys and signs</h2>
          <button type="button" class="button bare" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Glyph name="close" />
          </button>
        </header>
        <div class="help-columns">
          {KEYS.map(([title, keys]) => (
            <section key={title}>
              <h3>{title}</h3>
              <dl>
                {keys.map(([names, meaning]) => (
                  <div key={meaning}>
                    <dt>
                      {names.map((name) => (
                        <kbd key={name}>{name}</kbd>
                      ))}
                    </dt>
                    <dd>{meaning}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
          <section class="wide">
            <h3>Phases</h3>
            <ul class="signs">
              {PHASES.map((phase) => (
                <li key={phase}>
                  <PhaseBadge phase={phase} />
                </li>
              ))}
            </ul>
          </section>
        </div>
        <p class="quiet">
          What is shown is the event log itself: <b>Live</b> follows it, <b>Reconnecting</b> has lost it and says since when, and
          #1,234 is the event that the page reflects.
        </p>
      </div>
    </dialog>
  );
}
