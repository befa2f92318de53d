// Bundles what the pages load into src/autodialer/web/static/dist: content-hashed names (so that a
// browser may keep them for ever), manifest.json from plain names to hashed ones, and a .br and
// a .gz beside each text: no request compresses anything, and without TLS browsers take only gzip.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { basename, extname, join } from "node:path";
import { build } from "esbuild";

const WEB = "src/autodialer/web";
const SOURCE = `${WEB}/static/src`;
const DIST = `${WEB}/static/dist`;

const manifest = {};

function write(name, content) {
  const digest = createHash("sha256").update(content).digest("hex").slice(0, 8);
  const extension = extname(name);
  const hashed = `${basename(name, extension)}.${digest}${extension}`;
  writeFileSync(join(DIST, hashed), content);
  writeFileSync(join(DIST, `${hashed}.br`), brotliCompressSync(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
  }));
  writeFileSync(join(DIST, `${hashed}.gz`), gzipSync(content, { level: 9 }));
  manifest[name] = hashed;
}

async function bundle(names) {
  const result = await build({
    entryPoints: names.map((name) => join(SOURCE, name)),
    outdir: DIST,
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    legalComments: "inline", // the licences of what is bundled stay in it
    loader: { ".woff2": "dataurl" },
    logLevel: "warning",
  });
  for (const file of result.outputFiles) write(basename(file.path), file.contents);
}

// Every icon that a template names, {% icon "phone" %}, and every string of the Python code that
// is an icon's name: a few too many cost less than a list that is forgotten.
function iconsInUse() {
  const found = new Set();
  for (const entry of readdirSync(WEB, { recursive: true })) {
    const pattern = { ".html": /\bicon "([a-z0-9-]+)"/g, ".py": /"([a-z0-9-]+)"/g }[extname(entry)];
    if (!pattern) continue;
    const text = readFileSync(join(WEB, entry), "utf8");
    for (const [, name] of text.matchAll(pattern)) found.add(name);
  }
  return [...found].filter((name) => existsSync(drawing(name))).sort();
}

const drawing = (name) => `node_modules/@tabler/icons/icons/outline/${name}.svg`;

function sprite(names) {
  const symbols = names.map((name) => {
    const svg = readFileSync(drawing(name), "utf8");
    const inner = svg.replace(/<!--[\s\S]*?-->/g, "").match(/<svg[^>]*>([\s\S]*)<\/svg>/)[1].trim();
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
}

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST, { recursive: true });
await bundle(readdirSync(SOURCE).filter((name) => /^[a-z-]+\.(js|css)$/.test(name)));
write("icons.svg", Buffer.from(sprite(iconsInUse())));
writeFileSync(join(DIST, "manifest.json"), JSON.stringify(manifest, null, 1));
