// What stands in a form, between the shapes of a schema and the value that is sent. Pure.
//
// A draft is a string for what is typed, an index ("" for none) for a choice, true, false or null,
// `{rows: [{id, draft}]}` for a list, `{fields, rest}` or null for an object, `{variant, draft}`
// for a union.

let rows = 0;

/** The draft of a value; of the default, or of nothing, for `undefined`. */
export function draftOf(shape, value, required = true) {
  const given = value === undefined && shape.hasDefault ? shape.default : value;
  switch (shape.kind) {
    case "const":
      return null;
    case "choice": {
      const index = shape.options.findIndex((one) => same(one, given));
      return index < 0 ? "" : String(index);
    }
    case "boolean":
      return typeof given === "boolean" ? given : isTwoState(shape, required) ? false : null;
    case "list":
      return { rows: Array.isArray(given) ? given.map((one) => row(shape, one)) : least(shape, required) };
    case "object":
      return isObject(given) || (required && !shape.nullable) ? objectDraft(shape, given) : null;
    case "union":
      return unionDraft(shape, given, required);
    case "json":
      return jsonDraft(shape, given, required);
    default:
      return given === undefined || given === null ? "" : String(given);
  }
}

/** A new row of a list. */
export function row(shape, value) {
  return { id: (rows += 1), draft: draftOf(shape.item, value) };
}

/** `{value, errors: [{path, detail}]}`; paths are JSON pointers, "" for the whole. */
export function valueOf(shape, draft) {
  const errors = [];
  const value = read(shape, draft, true, "", (path, detail) => errors.push({ path, detail }));
  return { value, errors };
}

/** Whether a boolean is a plain box, without a third state for "not given". */
export function isTwoState(shape, required) {
  return !shape.nullable && (required || typeof shape.default === "boolean");
}

/** Whether all of `value` has its place in the form, be it right or wrong: else it is shown as JSON. */
export function keeps(shape, value) {
  return holds(valueOf(shape, draftOf(shape, value)).value, value);
}

/** Whether the form would send `value`. */
export function fits(shape, value) {
  return valueOf(shape, draftOf(shape, value)).errors.length === 0 && keeps(shape, value);
}

/**
 * Errors as the API gives them, by the path within the form: each at the field it names, or at what
 * surrounds it. `{fields: {path: detail}, rest: [{path, detail}]}`; `prefix` is where in the body
 * the value stands, as "/input".
 */
export function placed(errors, shown, prefix = "") {
  const fields = {};
  const rest = [];
  for (const { path, detail } of errors) {
    let own = path === prefix ? "" : path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : null;
    while (own && !shown.has(own)) own = own.slice(0, own.lastIndexOf("/"));
    if (own && shown.has(own)) fields[own] = fields[own] ? `${fields[own]}; ${detail}` : detail;
    else rest.push({ path, detail });
  }
  return { fields, rest };
}

/** The paths of all fields that a form shows now. */
export function pathsOf(shape, draft, path = "", found = new Set()) {
  if (path) found.add(path);
  if (shape.kind === "object" && draft) {
    for (const { name, shape: own } of shape.fields) pathsOf(own, draft.fields[name], join(path, name), found);
  } else if (shape.kind === "list") {
    draft.rows.forEach((one, index) => pathsOf(shape.item, one.draft, join(path, index), found));
  } else if (shape.kind === "union" && draft.variant !== "") {
    pathsOf(shape.variants[draft.variant].shape, draft.draft, path, found);
  }
  return found;
}

/** A JSON pointer, one step on. */
export function join(path, step) {
  return `${path}/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function objectDraft(shape, given) {
  const known = isObject(given) ? given : {};
  const own = (name) => (Object.hasOwn(known, name) ? known[name] : undefined);
  const fields = Object.fromEntries(shape.fields.map((one) => [one.name, draftOf(one.shape, own(one.name), one.required)]));
  const rest = Object.entries(known).filter(([name]) => !Object.hasOwn(fields, name));
  return { fields, rest: rest.length ? JSON.stringify(Object.fromEntries(rest), null, 2) : "" };
}

function jsonDraft(shape, given, required) {
  if (given === null && (shape.nullable || shape.default === null)) return "";
  if (given === undefined) return required && shape.object ? "{}" : "";
  return JSON.stringify(given, null, 2);
}

function unionDraft(shape, given, required) {
  const none = given === undefined || given === null;
  if (none && (!required || shape.nullable)) return { variant: "", draft: null };
  const index = none ? 0 : Math.max(0, shape.variants.findIndex((one) => fits(one.shape, given)));
  return { variant: String(index), draft: draftOf(shape.variants[index].shape, none ? undefined : given) };
}

function least(shape, required) {
  return Array.from({ length: required && !shape.nullable ? Math.min(shape.least, 20) : 0 }, () => row(shape));
}

// What is sent for a draft; undefined is left out.
function read(shape, draft, required, path, wrong) {
  switch (shape.kind) {
    case "const":
      return required || shape.hasDefault ? shape.value : undefined;
    case "choice":
      return draft === "" ? nothing(shape, required, path, wrong) : shape.options[draft];
    case "boolean":
      return draft === null ? nothing(shape, required, path, wrong) : draft;
    case "list":
      return readList(shape, draft, required, path, wrong);
    case "object":
      return draft === null ? nothing(shape, required, path, wrong) : readObject(shape, draft, path, wrong);
    case "union":
      if (draft.variant === "") return nothing(shape, required, path, wrong);
      return read(shape.variants[draft.variant].shape, draft.draft, true, path, wrong);
    case "json":
      return draft.trim() === "" ? nothing(shape, required, path, wrong) : parsed(draft, path, wrong, shape.object);
    case "text":
      return readText(shape, draft, required, path, wrong);
    default:
      return draft.trim() === "" ? nothing(shape, required, path, wrong) : readNumber(shape, draft.trim(), path, wrong);
  }
}

function nothing(shape, required, path, wrong) {
  if (shape.nullable) return required || (shape.hasDefault && shape.default !== null) ? null : undefined;
  if (required && !shape.hasDefault) wrong(path, shape.kind === "choice" ? "Choose one." : "This is needed.");
  return undefined;
}

function readText(shape, draft, required, path, wrong) {
  const { minLength = 0, maxLength = Infinity } = shape.schema;
  if (draft === "") {
    const cleared = shape.hasDefault && shape.default !== "" && !shape.nullable;
    return cleared ? "" : nothing(shape, required, path, wrong);
  }
  const length = [...draft].length;
  if (length < minLength) wrong(path, `This takes at least ${minLength} characters.`);
  if (length > maxLength) wrong(path, `This takes at most ${maxLength} characters; these are ${length}.`);
  return draft;
}

function readNumber(shape, text, path, wrong) {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum, exclusiveMaximum } = shape.schema;
  const number = Number(text);
  const whole = shape.kind === "integer";
  if (!Number.isFinite(number) || !/^[-+.\de]+$/i.test(text)) wrong(path, whole ? "This is no whole number." : "This is no number.");
  else if (whole && !Number.isInteger(number)) wrong(path, "This takes a whole number.");
  else if (whole && !Number.isSafeInteger(number)) wrong(path, "This number is too large for a browser to keep exactly.");
  else if (number < minimum) wrong(path, `This is too small: it takes ${minimum} or more.`);
  else if (number <= exclusiveMinimum) wrong(path, `This is too small: it takes more than ${exclusiveMinimum}.`);
  else if (number > maximum) wrong(path, `This is too large: it takes ${maximum} or less.`);
  else if (number >= exclusiveMaximum) wrong(path, `This is too large: it takes less than ${exclusiveMaximum}.`);
  return number;
}

function readList(shape, draft, required, path, wrong) {
  const items = draft.rows.map((one, index) => read(shape.item, one.draft, true, join(path, index), wrong));
  const cleared = shape.hasDefault && Array.isArray(shape.default) && shape.default.length > 0;
  if (!items.length && !required && !cleared) return undefined;
  if (!items.length && shape.nullable) return null;
  if (items.length < shape.least) wrong(path, `This takes at least ${shape.least}.`);
  if (items.length > shape.most) wrong(path, `This takes at most ${shape.most}.`);
  return items;
}

function readObject(shape, draft, path, wrong) {
  const further = draft.rest.trim() ? parsed(draft.rest, path, wrong, true) : {};
  const found = { ...further };
  for (const { name, required, shape: own } of shape.fields) {
    const value = read(own, draft.fields[name], required, join(path, name), wrong);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function parsed(text, path, wrong, object = false) {
  try {
    const value = JSON.parse(text);
    if (!object || isObject(value)) return value;
    wrong(path, "This takes a JSON object: {…}.");
  } catch (error) {
    wrong(path, `This is no JSON: ${error.message}`);
  }
  return undefined;
}

// Whether `value` is all there in `found`, which may have defaults besides.
function holds(found, value) {
  if (Array.isArray(value)) return Array.isArray(found) && found.length === value.length && value.every((one, index) => holds(found[index], one));
  if (!isObject(value)) return Object.is(found, value) || (value === null && found === undefined);
  return isObject(found) && Object.keys(value).every((name) => (Object.hasOwn(found, name) ? holds(found[name], value[name]) : value[name] === null));
}

function same(one, other) {
  return Object.is(one, other) || (one !== null && typeof one === "object" && JSON.stringify(one) === JSON.stringify(other));
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
