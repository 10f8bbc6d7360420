/** Builds the page into a folder: `node build.mjs [FOLDER]`. What it writes is the same for the same sources. */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? join(here, "../flyte_console/assets");

const { outputFiles, metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx"],
  entryNames: "console-[hash]",
  outdir: "out",
  bundle: true,
  format: "esm",
  target: ["chrome123", "firefox120", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  legalComments: "none",
  charset: "utf8",
  metafile: true,
  write: false,
  define: { "process.env.NODE_ENV": '"production"' },
});

/** The packages of which something is in the bundle, with the text of their licences. */
async function licences() {
  const paths = Object.keys(metafile.inputs).map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  const names = [...new Set(paths.filter(Boolean))].sort();
  const texts = names.map(async (name) => {
    const { version, license } = JSON.parse(await readFile(join(here, "node_modules", name, "package.json"), "utf8"));
    const text = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8");
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return `The console's page contains the following software.\n\n${(await Promise.all(texts)).join("\n\n")}`;
}

const nameOf = (ending) => basename(outputFiles.find(({ path }) => path.endsWith(ending)).path);

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const { path, contents } of outputFiles) await writeFile(join(folder, basename(path)), contents);
const page = await readFile(join(here, "src/index.html"), "utf8");
await writeFile(join(folder, "index.html"), page.replace("{script}", nameOf(".js")).replace("{style}", nameOf(".css")));
await writeFile(join(folder, "icon.svg"), await readFile(join(here, "src/icon.svg")));
await writeFile(join(folder, "LICENSES.txt"), await licences());
