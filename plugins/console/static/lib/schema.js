// What a form shows for a JSON Schema: shapes, made while they are looked at. Pure.
//
// A shape is `{kind, title, hint, nullable, hasDefault, default, …}`, of a kind
//   text {long, secret, type}   integer, number {least, most}   boolean   const {value}
//   choice {options}   list {item}   object {fields: [{name, required, shape}], free}
//   union {variants: [{label, shape}]}   json: whatever no field can be made for

const MOST = 500; // shapes that one schema may come to: it is somebody else's
const CHOICES = 100; // alternatives, with those within them
const HOPS = 20; // references to references
const LONG = /text|prompt|body|content|message|description|instruction|code|note|markdown/i;
const INPUTS = { email: "email", uri: "url", date: "date" };

/** The shape of a schema, with all that it refers to within itself. */
export function shapeOf(schema) {
  return shape(schema, { root: schema, left: MOST }, "");
}

/** What a field is for and what it takes, in words. */
export function hintOf({ kind, hint, schema = {}, nullable, secret }) {
  const words = [];
  const { minLength, maxLength, pattern, format, contentEncoding } = schema;
  if (kind === "integer") words.push(range("a whole number", schema));
  if (kind === "number") words.push(range("a number", schema));
  if (kind === "text") {
    if (minLength > 0 && maxLength != null) words.push(`${minLength} to ${maxLength} characters`);
    else if (minLength > 1) words.push(`at least ${minLength} characters`);
    else if (maxLength != null) words.push(`at most ${maxLength} characters`);
    if (pattern) words.push(`of the form ${pattern}`);
    if (format && !INPUTS[format]) words.push(`as ${format}`);
    if (contentEncoding) words.push(`in ${contentEncoding}`);
  }
  if (kind === "json") words.push("as JSON");
  if (nullable && kind !== "boolean") words.push("may be left empty");
  if (secret) words.push("kept out of events and logs");
  return [hint, words.join(", ")].filter(Boolean).join(hint?.endsWith(".") ? " " : "; ");
}

function shape(schema, world, name) {
  const own = resolved(schema, world.root);
  const { kinds, nullable } = alternatives(own, world.root);
  const common = {
    title: own.title, hint: own.description || "", nullable, default: own.default,
    hasDefault: own.default !== undefined,
  };
  world.left -= 1;
  if (world.left < 0 || kinds.length === 0) return { ...common, kind: "json", schema: own };
  if (kinds.length > 1) return { ...common, ...union(kinds, world, name) };
  const [one] = kinds;
  return { ...common, hint: own.description || one.description || "", schema: one, ...single(one, world, name) };
}

function single(schema, world, name) {
  if (schema.const !== undefined) return { kind: "const", value: schema.const };
  if (Array.isArray(schema.enum) && schema.enum.length) return choice(schema.enum);
  switch (schema.type) {
    case "string":
      return text(schema, name);
    case "integer":
    case "number":
      return { kind: schema.type };
    case "boolean":
      return { kind: "boolean" };
    case "array":
      return isSchema(schema.items) && !schema.prefixItems ? list(schema, world, name) : { kind: "json" };
    default:
      return schema.properties || schema.type === "object" ? object(schema, world) : { kind: "json" };
  }
}

function choice(options) {
  return options.length === 1 ? { kind: "const", value: options[0] } : { kind: "choice", options };
}

function text(schema, name) {
  const secret = Boolean(schema["x-secret"] || schema.format === "password");
  const several = typeof schema.default === "string" && schema.default.includes("\n");
  const short = schema.format || schema.maxLength <= 120;
  return { kind: "text", secret, type: INPUTS[schema.format] || "text", long: !secret && (several || (!short && (LONG.test(name) || schema.maxLength > 120))) };
}

function list(schema, world, name) {
  return { kind: "list", least: schema.minItems || 0, most: schema.maxItems ?? Infinity, ...late("item", () => shape(schema.items, world, name)) };
}

function object(schema, world) {
  const { properties, additionalProperties } = schema;
  const free = additionalProperties === true || (isSchema(additionalProperties) && additionalProperties);
  if (!properties) return additionalProperties === false ? { kind: "object", fields: [], free: false } : { kind: "json", object: true };
  const required = new Set(schema.required);
  const fields = Object.entries(properties).map(([name, one]) =>
    late("shape", () => shape(one, world, name), { name, required: required.has(name) }));
  if (fields.length > MOST) return { kind: "json", object: true };
  return { kind: "object", fields, free: Boolean(free) };
}

function union(kinds, world, name) {
  const variants = kinds.map((one) => late("shape", () => shape(one, world, name), { label: labelOf(one) }));
  return { kind: "union", variants };
}

function labelOf(schema) {
  return String(schema.title || schema.const || (schema.enum && schema.enum.join(" or ")) || schema.type || "other");
}

// The schemas one of which a value is of, without null.
function alternatives(schema, root, room = { left: CHOICES }) {
  const several = schema.anyOf || schema.oneOf;
  if (Array.isArray(several)) {
    const found = several.filter(() => (room.left -= 1) > 0).map((one) => alternatives(resolved(one, root), root, room));
    return { kinds: found.flatMap(({ kinds }) => kinds), nullable: found.some(({ nullable }) => nullable) };
  }
  const types = Array.isArray(schema.type) ? schema.type : null;
  if (types) {
    const kinds = types.filter((type) => type !== "null").map((type) => ({ ...schema, type }));
    return { kinds, nullable: types.includes("null") };
  }
  const isNull = schema.type === "null" || schema.const === null;
  if (schema.enum?.includes?.(null)) return { kinds: [{ ...schema, enum: schema.enum.filter((one) => one !== null) }], nullable: true };
  return { kinds: isNull ? [] : [schema], nullable: isNull };
}

// A schema with what it refers to: what stands beside `$ref` wins.
function resolved(schema, root) {
  let found = isSchema(schema) ? schema : {};
  for (let hop = 0; hop < HOPS; hop += 1) {
    const { $ref, allOf, ...beside } = found;
    if (typeof $ref === "string") found = { ...at(root, $ref), ...beside };
    else if (Array.isArray(allOf) && allOf.length === 1 && isSchema(allOf[0])) found = { ...allOf[0], ...beside };
    else if (allOf) return beside.type === "object" ? { type: "object" } : {};
    else return found;
  }
  return {};
}

function at(root, reference) {
  if (!reference.startsWith("#")) return {};
  const steps = reference.slice(1).split("/").filter(Boolean);
  const found = steps.reduce((part, step) => {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    return part && Object.hasOwn(part, name) ? part[name] : undefined;
  }, root);
  return isSchema(found) ? found : {};
}

function isSchema(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function range(what, { minimum, maximum, exclusiveMinimum, exclusiveMaximum }) {
  const bounds = [
    minimum != null && `from ${minimum}`, exclusiveMinimum != null && `above ${exclusiveMinimum}`,
    maximum != null && `to ${maximum}`, exclusiveMaximum != null && `below ${exclusiveMaximum}`,
  ].filter(Boolean);
  return [what, ...bounds].join(" ");
}

// An object one of whose properties is made when it is first read.
function late(name, make, given = {}) {
  let made;
  return Object.defineProperty(given, name, { enumerable: true, get: () => (made ??= make()) });
}
