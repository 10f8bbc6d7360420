/** Tabs by the book: one stop for the tab key, arrows between them. */

import type { ComponentChildren, VNode } from "preact";
import { useRef } from "preact/hooks";

export interface Tab {
  id: string;
  label: string;
  note?: string | number | undefined;
}

export function Tabs(props: { tabs: readonly Tab[]; chosen: string; onChoose: (id: string) => void; label: string }): VNode {
  const list = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const index = props.tabs.findIndex((tab) => tab.id === props.chosen);
    const last = props.tabs.length - 1;
    const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = props.tabs[(next + props.tabs.length) % props.tabs.length];
    if (!tab) return;
    props.onChoose(tab.id);
    list.current?.querySelector<HTMLElement>(`#tab-${tab.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={props.label} ref={list} onKeyDown={onKeyDown}>
      {props.tabs.map((tab) => {
        const isChosen = tab.id === props.chosen;
        return (
          <button
            key={tab.id}
            id={`tab-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={isChosen}
            aria-controls={isChosen ? `pane-${tab.id}` : undefined}
            tabIndex={isChosen ? 0 : -1}
            onClick={() => props.onChoose(tab.id)}
          >
            {tab.label}
            {tab.note !== undefined && <span class="tab-note">{tab.note}</span>}
          </button>
        );
      })}
    </div>
  );
}

export function Pane({ id, children }: { id: string; children: ComponentChildren }): VNode {
  return (
    <div class="pane" role="tabpanel" id={`pane-${id}`} aria-labelledby={`tab-${id}`} tabIndex={0}>
      {children}
    </div>
  );
}
