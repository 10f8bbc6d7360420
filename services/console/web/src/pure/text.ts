/** Printed text: without the colours of terminals, and where a search hits. */

/** Escape sequences of terminals: colours, moves, titles. */
const ESCAPES = /\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g;

/** A line as it would be read: of what a carriage return overwrote, the last; no escape sequences; no line end. */
export function plain(line: string): string {
  const bare = line.replace(ESCAPES, "").replace(/[\r\n]+$/, "");
  const rewritten = bare.lastIndexOf("\r");
  return rewritten < 0 ? bare : bare.slice(rewritten + 1);
}

/** A text in pieces; every second one is a hit of the search. */
export function hitsIn(text: string, sought: string): string[] {
  if (!sought) return [text];
  const lower = text.toLowerCase();
  const wanted = sought.toLowerCase();
  const pieces: string[] = [];
  let from = 0;
  for (let hit = lower.indexOf(wanted); hit >= 0; hit = lower.indexOf(wanted, from)) {
    pieces.push(text.slice(from, hit), text.slice(hit, hit + wanted.length));
    from = hit + wanted.length;
  }
  pieces.push(text.slice(from));
  return pieces;
}
