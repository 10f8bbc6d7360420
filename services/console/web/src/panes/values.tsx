/** Inputs and outputs: small values as JSON, large ones by reference with their size. */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { bytes, pretty } from "../pure/format";
import type { Phase } from "../pure/phase";
import { isTerminal } from "../pure/phase";
import type { ActionFacts, Value, Values } from "../pure/answers";
import { here } from "../live/session";
import { Glyph } from "../parts/icons";
import { Loading } from "../parts/states";

export interface ValuesProps {
  action: ActionFacts | null;
  name: string;
  phase: Phase;
  runName: string;
}

export function ValuesPane({ action, name, phase, runName }: ValuesProps): VNode {
  if (!action) return <Loading />;
  const isOver = isTerminal(phase);
  return (
    <div class="values">
      <h3>Inputs</h3>
      <ValueList values={action.inputs} none="It takes no inputs." />
      <h3>Outputs</h3>
      {!isOver || action.outputs === null ? (
        <p class="quiet">{isOver ? "It ended without outputs." : "There are none yet."}</p>
      ) : (
        <ValueList values={action.outputs} none="It gives nothing back." />
      )}
      <p class="quiet">
        In a terminal: <code>flyte get io {runName} {name}</code>
      </p>
    </div>
  );
}

function ValueList({ values, none }: { values: Values; none: string }): VNode {
  const names = Object.entries(values);
  if (names.length === 0) return <p class="quiet">{none}</p>;
  return (
    <dl class="value-list">
      {names.map(([name, value]) => (
        <div key={name}>
          <dt class="mono">{name}</dt>
          <dd>
            <ValueText value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

const FOLDED_LINES = 14;

function ValueText({ value }: { value: Value }): VNode {
  const [isWhole, showWhole] = useState(false);
  if (value.kind === "reference") {
    return (
      <p class="reference">
        <a href={here(value.href)} download="">
          {bytes(value.size_bytes)}
          {value.is_json && " of JSON"}
        </a>{" "}
        <span class="quiet mono">{value.uri}</span>
      </p>
    );
  }
  const text = pretty(value.value);
  const lines = text.split("\n");
  const isLong = lines.length > FOLDED_LINES;
  return (
    <div class="value">
      <pre tabIndex={0}>{isLong && !isWhole ? `${lines.slice(0, FOLDED_LINES).join("\n")}\n…` : text}</pre>
      <span class="value-tools">
        {isLong && (
          <button type="button" class="button small" onClick={() => showWhole(!isWhole)}>
            {isWhole ? "Less" : `All ${lines.length} lines`}
          </button>
        )}
        <Copy text={text} />
      </span>
    </div>
  );
}

const SAID_MS = 1_500;

function Copy({ text }: { text: string }): VNode | null {
  const [isCopied, say] = useState(false);
  if (!navigator.clipboard) return null;
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => {
      say(true);
      setTimeout(() => say(false), SAID_MS);
    });
  };
  return (
    <button type="button" class="button small bare" aria-label="Copy the value" title="Copy" onClick={copy}>
      {isCopied ? "copied" : <Glyph name="copy" />}
    </button>
  );
}
