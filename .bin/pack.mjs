#!/usr/bin/env node
// Packs what other projects can take (`packed.json`: its folder, and what it needs from others) as npm tarballs, and looks
// into each: it must be whole, and need nothing that is not named there. The same sources make the same bytes.
//
//   node .bin/pack.mjs [DIRECTORY]      into `packed/` unless told otherwise; what `npm run pack` does once all is built
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCE_CONDITION = "@halon/source";
const TAR_BLOCK = 512;

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
const allowed = readJson(join(root, ".bin/packed.json"));
const folderOf = (name) => join(root, name === "proto" ? name : `packages/${name}`);

/** The npm that runs this, if one does. */
function npmCommand() {
  const { npm_execpath: npm = "" } = process.env;
  return basename(npm) === "npm-cli.js" ? [process.execPath, npm] : ["npm"];
}

// ── what goes in ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** False for what an older build has left behind, and for generated code beside the sources: that in `dist` counts. */
function isPacked(folder, path) {
  if (/^src\/gen\b/.test(path)) return false;
  const [, output] = /^dist\/(.*)\.(?:d\.ts|js|js\.map)$/.exec(path) ?? [];
  return output === undefined || ["ts", "js"].some((end) => existsSync(join(folder, `src/${output}.${end}`)));
}

const without = (object, ...names) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

/** Without what makes sense in this repository only. */
function manifestFor(manifest) {
  const exports = Object.entries(manifest.exports).map(([path, target]) => [
    path,
    typeof target === "string" ? target : without(target, SOURCE_CONDITION),
  ]);
  return { ...without(manifest, "scripts", "devDependencies"), exports: Object.fromEntries(exports) };
}

/** A copy of the package as it is to be packed. */
function stage(name, into) {
  const folder = folderOf(name);
  const manifest = readJson(join(folder, "package.json"));
  mkdirSync(into, { recursive: true });
  for (const file of manifest.files) {
    const from = join(folder, file);
    const filter = (path) => isPacked(folder, path.slice(folder.length + 1));
    if (existsSync(from)) cpSync(from, join(into, file), { recursive: true, filter });
  }
  cpSync(join(root, "LICENSE"), join(into, "LICENSE"));
  writeFileSync(join(into, "package.json"), `${JSON.stringify(manifestFor(manifest), null, 2)}\n`);
}

// ── what came out ────────────────────────────────────────────────────────────────────────────────────────────────────

/** The files of an npm tarball, by their path in the package. */
function filesOf(tarball) {
  const tar = gunzipSync(readFileSync(tarball));
  const text = (from, length) => tar.toString("utf8", from, from + length).replace(/\0.*$/s, "");
  const files = new Map();
  for (let at = 0; at < tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const path = [text(at + 345, 155), text(at, 100)].filter((part) => part !== "").join("/");
    const content = tar.subarray(at + TAR_BLOCK, at + TAR_BLOCK + size);
    if (/^0?$/.test(text(at + 156, 1))) files.set(path.replace(/^package\//, ""), content);
    at += TAR_BLOCK * (1 + Math.ceil(size / TAR_BLOCK));
  }
  return files;
}

const IMPORTS = /^(?:import|export)\b(?:[^"';]*?\bfrom)?\s*["']([^"']+)["']|\bimport\(["']([^"']+)["']\)/gm;

/** Packages that the code of a file imports. */
const importsOf = (code) =>
  [...code.matchAll(IMPORTS)]
    .map(([, imported, typed]) => imported ?? typed)
    .filter((name) => !name.startsWith(".") && !name.startsWith("node:"))
    .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"));

/** What is wrong with a packed package, in sentences. */
function faultsOf(name, files) {
  const faults = [];
  const manifest = JSON.parse(files.get("package.json").toString());
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  const gen = allowed[name].includes("protobufjs") ? ["js", "d.ts"] : [];
  const generated = gen.filter(
    (end) => ![...files.keys()].some((path) => /^dist\/gen\/\w+\./.test(path) && path.endsWith(`.${end}`)),
  );
  for (const path of ["README.md", "LICENSE", ...targets.map((target) => target.replace("./", ""))])
    if (!files.has(path)) faults.push(`${path} is missing: is it built, and named in \`files\`?`);
  for (const end of generated) faults.push(`dist/gen has no .${end}: its protobuf is not generated`);
  for (const path of files.keys()) {
    if (/(^|\/)test\/|\.test\./.test(path)) faults.push(`${path} is a test: leave it out of \`files\``);
    if (path.endsWith(".js") && !files.has(path.replace(/\.js$/, ".d.ts")))
      faults.push(`${path} has no types beside it`);
  }
  const needed = new Set(Object.keys(manifest.dependencies ?? {}));
  for (const dependency of needed)
    if (!allowed[name].includes(dependency) && allowed[dependency.replace("@halon/", "")] === undefined)
      faults.push(`it depends on ${dependency}, which is neither packed nor named in .bin/packed.json`);
  for (const [path, content] of files)
    if (/^dist\/.*\.(js|d\.ts)$/.test(path))
      for (const used of importsOf(content.toString()))
        if (used !== manifest.name && !needed.has(used))
          faults.push(`${path} imports ${used}, on which it does not depend`);
  if (manifest.private === true) faults.push("it is private");
  if (JSON.stringify(manifest).includes(SOURCE_CONDITION)) faults.push(`its exports name ${SOURCE_CONDITION}`);
  return faults;
}

// ── main ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Packs all into `directory`, in the place of what was packed there before. Returns the faults found. */
function pack(directory) {
  const staged = mkdtempSync(join(tmpdir(), "halon-pack-"));
  try {
    const names = Object.keys(allowed);
    const folders = names.map((name) => join(staged, name));
    for (const name of names) stage(name, join(staged, name));
    for (const file of readdirSync(directory)) if (/^halon-.*\.tgz$/.test(file)) rmSync(join(directory, file));
    const options = ["--silent", "--ignore-scripts", "--pack-destination", directory];
    const [program, ...first] = npmCommand();
    execFileSync(program, [...first, "pack", ...options, ...folders], {
      cwd: staged,
      stdio: ["ignore", "ignore", "inherit"],
    });
    return names.flatMap((name) => {
      const { version } = readJson(join(staged, name, "package.json"));
      const tarball = join(directory, `halon-${name}-${version}.tgz`);
      const files = filesOf(tarball);
      console.log(`${basename(tarball).padEnd(34)} ${String(files.size).padStart(4)} files`);
      return faultsOf(name, files).map((fault) => `${basename(tarball)}: ${fault}`);
    });
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

const [directory = "packed", ...rest] = process.argv.slice(2);
if (directory.startsWith("-") || rest.length > 0) {
  console.error("usage: npm run pack [-- DIRECTORY]");
  process.exitCode = 2;
} else {
  const into = resolve(root, directory);
  try {
    mkdirSync(into, { recursive: true });
  } catch (error) {
    console.error(`pack: ${into} cannot be made (${error.code}): name a directory that you may write to`);
    process.exit(2);
  }
  const faults = pack(into);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}
