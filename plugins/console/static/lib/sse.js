// Server-sent events out of the text of an answer, in whatever pieces it comes.

/** Feed it text; it calls `onEvent({id, type, data})`. `id` is the last that was said, also alone. */
export class SseParser {
  id = "";
  #rest = "";
  #type = "";
  #data = [];
  #onEvent;

  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  feed(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) this.#read(line.endsWith("\r") ? line.slice(0, -1) : line);
  }

  #read(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") this.#data.push(value);
    else if (field === "id") this.id = value;
    else if (field === "event") this.#type = value;
  }

  #dispatch() {
    if (this.#data.length) {
      this.#onEvent({ id: this.id, type: this.#type || "message", data: this.#data.join("\n") });
    }
    this.#type = "";
    this.#data = [];
  }
}
