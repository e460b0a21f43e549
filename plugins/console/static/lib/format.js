// Times, sizes and values in few characters. Pure.

/** `1.2 s`, `3 min 5 s`, `2 h 7 min`, out of seconds. */
export function duration(seconds) {
  if (seconds == null || Number.isNaN(seconds)) return "";
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** `14:03:22.125` of a time in ms; with `date` the day before it. */
export function clock(ms, { date = false, fraction = true } = {}) {
  if (ms == null || Number.isNaN(ms)) return "";
  const time = new Date(ms);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} `;
  const rest = fraction ? `.${String(time.getMilliseconds()).padStart(3, "0")}` : "";
  return `${date ? day : ""}${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}${rest}`;
}

/** `12 kB`, out of bytes. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 1000 && step < units.length - 1) {
    bytes /= 1000;
    step += 1;
  }
  return `${step && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[step]}`;
}

/** `12,345`. */
export function count(number) {
  return number == null ? "" : Number(number).toLocaleString("en-US");
}

/** One line of at most `most` characters, with an ellipsis where it was cut. */
export function line(text, most = 200) {
  const flat = String(text ?? "").replace(/\s+/g, " ").trim();
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
}

/** A value as one line: text as it is, everything else as JSON. */
export function brief(value, most = 200) {
  return line(typeof value === "string" ? value : JSON.stringify(value), most);
}

/** A value over several lines. */
export function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** `1 run`, `2 runs`. */
export function plural(number, noun, nouns = `${noun}s`) {
  return `${count(number)} ${number === 1 ? noun : nouns}`;
}
