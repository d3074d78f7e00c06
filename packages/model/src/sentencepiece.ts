import { GgufError, metadataNumbers, metadataStrings, type GgufFile } from "./gguf.ts";

/** U+2581: SentencePiece writes a space as a visible character, so that joining the pieces gives the text back. */
const SPACE = "\u2581";
const UNKNOWN = 0;
/** Pieces before this one are control symbols; no text is cut into them. */
const RESERVED = 6;

/**
 * A SentencePiece unigram tokenizer (Kudo 2018): of all ways to cut a text into pieces, the one with the highest sum of log-probabilities,
 * found by Viterbi's algorithm. Equal to the reference implementation of the encoder token by token, its peculiarities included: an unknown
 * character costs nothing, and a position that no piece ends at counts as one, also with a sum of nothing.
 */
export class SentencePiece {
  readonly #ids = new Map<string, number>();
  readonly #scores: number[];
  /** In characters. */
  readonly #longest: number;
  readonly size: number;

  /** @throws {GgufError} when the file holds no usable vocabulary */
  constructor(file: GgufFile) {
    const pieces = metadataStrings(file, "tokenizer.ggml.tokens");
    this.#scores = metadataNumbers(file, "tokenizer.ggml.scores");
    if (file.metadata.get("tokenizer.ggml.model") !== "unigram") throw new GgufError("tokenizer.ggml.model is not unigram.");
    if (pieces.length <= RESERVED || this.#scores.length !== pieces.length) {
      throw new GgufError(`There are ${pieces.length} pieces and ${this.#scores.length} scores.`);
    }
    // A piece that occurs twice is known by its last place.
    for (const [id, piece] of pieces.entries()) if (id >= RESERVED) this.#ids.set(piece, id);
    this.#longest = Math.max(...pieces.map((piece) => Array.from(piece).length));
    this.size = pieces.length;
  }

  /** Token ids of a text; a run of unknown characters is one token, and no text is none. */
  encode(text: string): number[] {
    const normalized = text.normalize("NFKC");
    if (normalized === "") return [];
    const characters = Array.from(SPACE + normalized.replaceAll(" ", SPACE));
    const length = characters.length;
    const best = new Float64Array(length + 1);
    const cameFrom = Int32Array.from({ length: length + 1 }, (_, end) => end - 1);
    const ids = new Int32Array(length + 1);
    // By start, so that of two equal sums the shorter last piece wins.
    for (let start = 0; start < length; start++) {
      const before = best[start] ?? 0;
      const reach = (end: number, id: number) => {
        const sum = before + (this.#scores[id] ?? 0);
        const known = best[end] ?? 0;
        if (known !== 0 && sum < known) return;
        best[end] = sum;
        ids[end] = id;
        cameFrom[end] = start;
      };
      let piece = "";
      let found = false;
      for (let end = start + 1; end <= length && end - start <= this.#longest; end++) {
        piece += characters[end - 1];
        const id = this.#ids.get(piece);
        if (id === undefined) continue;
        found = true;
        reach(end, id);
      }
      if (!found) reach(start + 1, UNKNOWN);
    }
    const backwards: number[] = [];
    for (let end = length; end > 0; end = cameFrom[end] ?? 0) backwards.push(ids[end] ?? UNKNOWN);
    return backwards.toReversed().filter((id, i, all) => id !== UNKNOWN || all[i - 1] !== UNKNOWN);
  }

  /** Whether a token says something: neither unknown nor a space alone. */
  isMeaningful(id: number): boolean {
    return id !== UNKNOWN && id !== this.#ids.get(SPACE);
  }
}
