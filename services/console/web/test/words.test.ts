import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, duration, pretty, shortTask, shortVersion } from "../src/pure/format";
import { countsText, leadingPhase } from "../src/pure/phase";
import { actionPath, routeOf, withQuery } from "../src/pure/routes";
import { SseParser } from "../src/pure/sse";
import { factsOf, signature } from "../src/pure/template";
import { hitsIn, plain } from "../src/pure/text";

test("durations have at most two units", () => {
  assert.deepEqual(
    [0, 840, 3_240, 59_949, 59_960, 67_000, 3_599_600, 7_500_000, 273_600_000, Number.NaN].map(duration),
    ["0 ms", "840 ms", "3.2 s", "59.9 s", "1 m 00 s", "1 m 07 s", "1 h 00 m", "2 h 05 m", "3 d 04 h", "–"],
  );
  assert.deepEqual([-5, 12_000, 3_600_000, 200_000_000].map(ago), ["just now", "12 s ago", "1 h ago", "2 d ago"]);
  assert.deepEqual([12, 2_048, 15 * 1024 ** 2].map(bytes), ["12 B", "2.0 KiB", "15 MiB"]);
});

test("names are shortened where what is left out says nothing", () => {
  assert.equal(shortVersion("39d9af408c4d74cf7fbd"), "39d9af40");
  assert.equal(shortVersion("release-2026.11"), "release-2026.11");
  assert.equal(shortTask("churn.score"), "score");
  assert.equal(pretty("one"), '"one"');
  assert.equal(pretty("two\nlines"), "two\nlines");
});

test("of many phases the one that goes on leads, then what went wrong", () => {
  assert.equal(leadingPhase({ succeeded: 9, failed: 1 }), "failed");
  assert.equal(leadingPhase({ succeeded: 9, failed: 1, running: 1 }), "running");
  assert.equal(countsText({ succeeded: 9000, failed: 1 }), "1 failed, 9,000 succeeded");
});

test("every page has an address, and every address a page", () => {
  const place = { project: "p", domain: "d" };
  assert.deepEqual(routeOf("/"), { page: "home" });
  assert.deepEqual(routeOf("/projects/p/domains/d/runs"), { page: "runs", place });
  assert.deepEqual(routeOf(actionPath(place, "r 1", "a/1")), { page: "run", place, run: "r 1", action: "a/1" });
  assert.deepEqual(routeOf("/projects/p/domains/d/tasks/env.t"), { page: "task", place, task: "env.t" });
  assert.equal(routeOf("/projects/p/domains/d/nonsense").page, "missing");
  assert.equal(routeOf("/projects/p/domains/d/runs/r/actions/a/b").page, "missing");
  assert.equal(withQuery("/x", { a: "1 2", b: ["3", "4"], c: null, d: "" }), "/x?a=1+2&b=3&b=4");
});

test("events come whole however they were cut, and heartbeats are none", () => {
  const text = ": alive\n\nid: 7\nevent: actions\ndata: {\"a\":\ndata: 1}\n\nid: 8\r\nevent: end\r\ndata: {}\r\n\r\n";
  const expected = [
    { event: "actions", data: '{"a":\n1}', id: "7" },
    { event: "end", data: "{}", id: "8" },
  ];
  assert.deepEqual(new SseParser().feed(text.replaceAll("\r", "")), expected);
  const parser = new SseParser();
  assert.deepEqual([...text.replaceAll("\r", "")].flatMap((letter) => parser.feed(letter)), expected);
  assert.deepEqual(new SseParser().feed(text).length, 2);
});

test("a line of output is shown as a terminal would leave it", () => {
  assert.equal(plain("\u001b[31mred\u001b[0m text\n"), "red text");
  assert.equal(plain("10 %\r50 %\r100 %"), "100 %");
  assert.equal(plain("\u001b]0;title\u0007done"), "done");
});

test("a search hits in whatever case, as often as it is there", () => {
  assert.deepEqual(hitsIn("Batch of batches", "batch"), ["", "Batch", " of ", "batch", "es"]);
  assert.deepEqual(hitsIn("nothing", ""), ["nothing"]);
});

test("a template is a signature, and lines of what was declared", () => {
  const template = {
    name: "env.main",
    short_name: "main",
    interface: {
      inputs: [
        { name: "n", annotation: "int", required: true, default: null, description: "" },
        { name: "who", annotation: "str", required: false, default: "World", description: "" },
      ],
      outputs: [{ name: "o0", annotation: "str", required: true, default: null, description: "" }],
    },
    image: "auto",
    resources: { cpu: "1", memory: "2Gi", gpu: null },
    policies: { retries: 2, max_failures: 0, cache: { behavior: "disable", serialize: false }, max_queued_time_s: null },
  };
  assert.equal(signature(template), 'main(n: int, who: str = "World") -> str');
  assert.deepEqual(factsOf(template), [
    ["Resources", "cpu: 1, memory: 2Gi"],
    ["Retries", "2"],
  ]);
});
