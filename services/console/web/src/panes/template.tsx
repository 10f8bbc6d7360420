/** What a task's template says: what it needs, and what is done when it fails. */

import type { VNode } from "preact";
import type { ActionFacts } from "../pure/answers";
import { factsOf } from "../pure/template";
import { Line } from "./overview";

export function TemplateFacts({ action }: { action: ActionFacts }): VNode | null {
  const facts = factsOf(action.template);
  if (facts.length === 0) return null;
  return (
    <>
      <h3>Template</h3>
      <FactTable facts={facts} />
    </>
  );
}

export function FactTable({ facts }: { facts: readonly (readonly [string, string])[] }): VNode {
  return (
    <dl class="table">
      {facts.map(([name, text]) => (
        <Line key={name} name={name}>
          {text}
        </Line>
      ))}
    </dl>
  );
}
