// A plugin's files as they are sent: texts as they are, everything else in base64.

import { unzip } from "./unzip.js";

const PASSED_OVER = /(^|\/)(__pycache__|\.git|\.venv|\.DS_Store|__MACOSX|\.pytest_cache|\.mypy_cache)(\/|$)/;
const MANIFEST = "plugin.toml";

/** The files that somebody chose, and what is in archives among them: `[{path, bytes}]`. */
export async function chosen(files) {
  const found = [];
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (file.name.endsWith(".zip")) found.push(...(await unzip(bytes)));
    else found.push({ path: file.webkitRelativePath || file.name, bytes });
  }
  return beneath(found.filter(({ path }) => !PASSED_OVER.test(path)));
}

/** What `/v1/plugins/upload` takes. */
export function bundled(found) {
  const body = { files: {}, encoded: {} };
  for (const { path, bytes } of found) {
    const text = asText(bytes);
    const own = { value: text ?? base64(bytes), enumerable: true };
    Object.defineProperty(text === null ? body.encoded : body.files, path, own);
  }
  return body;
}

// The folder that holds the manifest is the plugin's, whatever it is called and lies in.
function beneath(found) {
  const manifests = found.map(({ path }) => path).filter((path) => path.split("/").at(-1) === MANIFEST);
  if (!manifests.length) return found;
  const nearest = manifests.reduce((best, path) => (path.split("/").length < best.split("/").length ? path : best));
  const folder = nearest.slice(0, -MANIFEST.length);
  return found.filter(({ path }) => path.startsWith(folder)).map(({ path, bytes }) => ({ path: path.slice(folder.length), bytes }));
}

function asText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}
