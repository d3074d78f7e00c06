import { GgufError, metadataNumbers, metadataStrings, type GgufFile } from "./gguf.ts";

/** GPT-2's pre-tokenizer. It covers every character, so that joining the pieces gives the text back. */
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** `llama_token_type`: 3 is a control token such as <|user|>. */
const CONTROL = 3;

// Merge candidates are ordered by rank, then by position, in one number: rank * 2^24 + position. A piece of 16 MiB is beyond any request.
const POSITION_SPAN = 2 ** 24;

/**
 * GPT-2's printable alphabet: one character per byte. Printable Latin-1 bytes stand for themselves, the others are shifted above U+0100.
 */
function byteAlphabet(): string[] {
  const alphabet: string[] = [];
  let shifted = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    alphabet.push(String.fromCharCode(printable ? byte : shifted++));
  }
  return alphabet;
}

/** A binary min-heap of numbers. */
class MinHeap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] ?? 0;
      if (above <= item) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const smallest = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return smallest;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if ((items[child + 1] ?? Infinity) < (items[child] ?? Infinity)) child++;
      const below = items[child] ?? Infinity;
      if (below >= last) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return smallest;
  }
}

interface Merge {
  rank: number;
  token: number;
}

/**
 * Byte-level byte-pair encoding (Sennrich et al. 2016; the byte alphabet is GPT-2's), read from a GGUF file's `tokenizer.ggml.*` metadata.
 * Text never encodes to a control token: a user who types "<|system|>" gets the characters, not the role.
 */
export class Tokenizer {
  readonly vocabularySize: number;
  readonly #ids = new Map<string, number>();
  readonly #merges = new Map<number, Merge>();
  readonly #byteTokens: number[];
  readonly #tokenBytes: Uint8Array[];
  readonly #controls = new Map<string, number>();

  /** @throws {GgufError} when the vocabulary is not byte-level BPE or does not cover every byte */
  constructor(file: GgufFile) {
    const model = file.metadata.get("tokenizer.ggml.model");
    if (model !== "gpt2") throw new GgufError(`tokenizer.ggml.model is ${String(model)}; only gpt2 (byte-level BPE) is supported.`);
    const tokens = metadataStrings(file, "tokenizer.ggml.tokens");
    const types = metadataNumbers(file, "tokenizer.ggml.token_type");
    if (types.length !== tokens.length) throw new GgufError("tokenizer.ggml.token_type and tokenizer.ggml.tokens differ in length.");
    this.vocabularySize = tokens.length;

    const alphabet = byteAlphabet();
    const byteOf = new Map(alphabet.map((character, byte) => [character, byte]));
    this.#tokenBytes = tokens.map((text, id) => {
      if (types[id] === CONTROL) {
        this.#controls.set(text, id);
        return new Uint8Array();
      }
      if (!this.#ids.has(text)) this.#ids.set(text, id);
      return Uint8Array.from(text, (character) => {
        const byte = byteOf.get(character);
        if (byte === undefined) throw new GgufError(`Token ${id} is not written in the byte alphabet.`);
        return byte;
      });
    });
    this.#byteTokens = alphabet.map((character) => this.#requireToken(character));
    for (const [rank, merge] of metadataStrings(file, "tokenizer.ggml.merges").entries()) this.#addMerge(merge, rank);
  }

  #requireToken(text: string): number {
    const id = this.#ids.get(text);
    if (id === undefined) throw new GgufError(`The vocabulary lacks the token ${JSON.stringify(text)}.`);
    return id;
  }

  #addMerge(merge: string, rank: number): void {
    const [left, right, ...rest] = merge.split(" ");
    if (!left || !right || rest.length > 0) throw new GgufError(`Merge ${rank} is not a pair of tokens.`);
    const pair = this.#pairKey(this.#requireToken(left), this.#requireToken(right));
    if (!this.#merges.has(pair)) this.#merges.set(pair, { rank, token: this.#requireToken(left + right) });
  }

  #pairKey(left: number, right: number): number {
    return left * this.vocabularySize + right;
  }

  /** The id of a control token such as `<|user|>`, or undefined. */
  controlToken(name: string): number | undefined {
    return this.#controls.get(name);
  }

  /** Token ids of a text. Lone surrogates count as U+FFFD, as everywhere a string becomes UTF-8. O(n log n) in the length of a word. */
  encode(text: string): number[] {
    const encoder = new TextEncoder();
    const ids: number[] = [];
    for (const [piece] of text.toWellFormed().matchAll(PIECES)) this.#encodePiece(encoder.encode(piece), ids);
    return ids;
  }

  /** Appends the piece's tokens to `ids`: merges the pair of lowest rank, leftmost first, until no pair has a merge. */
  #encodePiece(bytes: Uint8Array, ids: number[]): void {
    const symbols = Array.from(bytes, (byte) => this.#byteTokens[byte] ?? 0);
    // A doubly linked list in two arrays: a merge keeps the left symbol and unlinks the right one, whose entry becomes -1.
    const next = symbols.map((_, i) => i + 1);
    const previous = symbols.map((_, i) => i - 1);
    const candidates = new MinHeap();

    const mergeAt = (left: number): Merge | undefined => {
      const a = symbols[left];
      const b = symbols[next[left] ?? symbols.length];
      return a === undefined || b === undefined || a < 0 ? undefined : this.#merges.get(this.#pairKey(a, b));
    };
    const offer = (left: number): void => {
      const merge = mergeAt(left);
      if (merge) candidates.push(merge.rank * POSITION_SPAN + left);
    };

    for (let left = 0; left + 1 < symbols.length; left++) offer(left);
    for (let candidate = candidates.pop(); candidate !== undefined; candidate = candidates.pop()) {
      const left = candidate % POSITION_SPAN;
      const merge = mergeAt(left);
      // The neighbours may have merged since this candidate was offered; whatever stands there now was offered again.
      if (!merge || merge.rank !== Math.floor(candidate / POSITION_SPAN)) continue;
      const right = next[left] ?? symbols.length;
      const after = next[right] ?? symbols.length;
      symbols[left] = merge.token;
      symbols[right] = -1;
      next[left] = after;
      if (after < symbols.length) previous[after] = left;
      offer(left);
      const before = previous[left] ?? -1;
      if (before >= 0) offer(before);
    }
    for (const symbol of symbols) if (symbol >= 0) ids.push(symbol);
  }

  /** The UTF-8 bytes a token stands for; none for a control token or an unknown id. */
  bytes(id: number): Uint8Array {
    return this.#tokenBytes[id] ?? new Uint8Array();
  }

  /** The text of a list of tokens. Bytes that are not UTF-8 become U+FFFD. */
  decode(ids: readonly number[]): string {
    const stream = this.decodeStream();
    return ids.map((id) => stream.push(id)).join("") + stream.flush();
  }

  /** Decodes token by token and holds back the bytes of an unfinished character, so no piece ever splits one. */
  decodeStream(): DecodeStream {
    // ignoreBOM keeps a leading U+FEFF, which is part of the text here.
    const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
    return {
      push: (id) => decoder.decode(this.bytes(id), { stream: true }),
      flush: () => decoder.decode(),
    };
  }
}

export interface DecodeStream {
  /** The text completed by this token: perhaps empty, never half a character. */
  push(id: number): string;
  /** Ends the text: a character still unfinished becomes U+FFFD. */
  flush(): string;
}
