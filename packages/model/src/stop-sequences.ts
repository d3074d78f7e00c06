/** Cuts a stream of text before the first stop sequence, also when one arrives in pieces: text that may begin one is held back. */
export class StopSequences {
  /** True once a stop sequence was seen. Everything after it is dropped. */
  stopped = false;
  readonly #stops: readonly string[];
  #held = "";

  /** Empty sequences are ignored. */
  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== "");
  }

  /** Adds text; returns what is now certain to come before any stop sequence. */
  push(text: string): string {
    if (this.stopped) return "";
    this.#held += text;
    const starts = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((at) => at >= 0);
    if (starts.length > 0) {
      this.stopped = true;
      return this.#release(Math.min(...starts), true);
    }
    return this.#release(this.#held.length - this.#longestBeginning());
  }

  /** Ends the text and returns what was held back. */
  flush(): string {
    return this.stopped ? "" : this.#release(this.#held.length);
  }

  #release(length: number, dropRest = false): string {
    const text = this.#held.slice(0, length);
    this.#held = dropRest ? "" : this.#held.slice(length);
    return text;
  }

  /** Length of the longest end of the held text that begins a stop sequence. */
  #longestBeginning(): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, this.#held.length); length > 0; length--) {
      const end = this.#held.slice(-length);
      if (this.#stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }
}
