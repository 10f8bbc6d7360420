/** Values that are watched: what the page shows is drawn anew when they change. */

import { useEffect, useReducer } from "preact/hooks";

export class Signal<T> {
  private readonly watchers = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(next: T) {
    if (Object.is(next, this.current)) return;
    this.current = next;
    for (const watcher of [...this.watchers]) watcher();
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

/** The value of a signal; the component is drawn anew when it changes. */
export function useSignal<T>(signal: Signal<T>): T {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const drawn = signal.value;
  useEffect(() => {
    const stop = signal.watch(() => draw(undefined as never));
    // An effect comes after the picture: what changed in between has told nobody.
    if (!Object.is(drawn, signal.value)) draw(undefined as never);
    return stop;
  }, [signal]);
  return drawn;
}

/** A value kept in the browser beyond a visit; without a store (private windows) for the visit. */
export function kept(name: string, fallback: string): Signal<string> {
  let first = fallback;
  try {
    first = localStorage.getItem(name) ?? fallback;
  } catch {
    // The page works without.
  }
  const signal = new Signal(first);
  signal.watch(() => {
    try {
      localStorage.setItem(name, signal.value);
    } catch {
      // The same.
    }
  });
  return signal;
}
