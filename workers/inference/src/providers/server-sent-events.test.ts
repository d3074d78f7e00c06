import { WeirError } from "@weir/domain/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readEvents } from "./server-sent-events.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function bodyOf(pieces: Uint8Array[], onCancel: () => void = () => {}): ReadableStream<Uint8Array> {
  const waiting = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = waiting.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
    cancel: onCancel,
  });
}

async function eventsOf(pieces: Uint8Array[]): Promise<string[]> {
  const events: string[] = [];
  for await (const data of readEvents(bodyOf(pieces))) events.push(data);
  return events;
}

function cut(whole: Uint8Array, at: number[]): Uint8Array[] {
  const places = [0, ...[...new Set(at)].sort((a, b) => a - b), whole.length];
  return places.slice(1).map((end, index) => whole.subarray(places[index], end));
}

describe("reading server-sent events", () => {
  const texts = ["plain", '{"text":"grüß 🌊"}', "[DONE]"];

  test.each([
    { form: "line feeds", wire: texts.map((text) => `data: ${text}\n\n`).join("") },
    { form: "carriage returns and line feeds", wire: texts.map((text) => `data: ${text}\r\n\r\n`).join("") },
    { form: "no space after the colon", wire: texts.map((text) => `data:${text}\n\n`).join("") },
    {
      form: "comments and other fields between",
      wire: texts.map((text) => `: ping\n\nevent: x\nid: 1\nretry: 5\ndata: ${text}\n\n`).join(""),
    },
    { form: "a byte order mark in front", wire: `\u{FEFF}${texts.map((text) => `data: ${text}\n\n`).join("")}` },
  ])("gives the same events with $form, wherever the bytes are split", async ({ wire }) => {
    const whole = bytes(wire);
    for (let at = 0; at <= whole.length; at++) expect(await eventsOf(cut(whole, [at]))).toEqual(texts);
    expect(await eventsOf([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(texts);
  });

  test("gives back any texts, however they are packed", async () => {
    const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n\u{FEFF}]/gu, ""));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 5 }), fc.array(fc.nat(200)), fc.boolean(), async (wanted, at, crlf) => {
        const whole = bytes(
          wanted
            .map((text) => `data: ${text}\n\n`)
            .join("")
            .replaceAll("\n", crlf ? "\r\n" : "\n"),
        );
        const places = at.filter((place) => place < whole.length);
        expect(await eventsOf(cut(whole, places))).toEqual(wanted);
      }),
    );
  });

  test("joins the lines of one event", async () => {
    expect(await eventsOf([bytes("data: a\ndata: b\n\n")])).toEqual(["a\nb"]);
  });

  test("drops an event that was begun and not ended", async () => {
    expect(await eventsOf([bytes("data: whole\n\ndata: half")])).toEqual(["whole"]);
  });

  test("replaces bytes that are not UTF-8 and goes on", async () => {
    expect(await eventsOf([bytes("data: a"), Uint8Array.of(0xff, 0xc3), bytes("b\n\ndata: c\n\n")])).toEqual(["a\u{FFFD}\u{FFFD}b", "c"]);
  });

  test.each([
    { what: "a line", piece: "x".repeat(100_000) },
    { what: "an event", piece: `data: ${"x".repeat(100_000)}\n` },
  ])("gives up on $what without end, and tells the sender", async ({ piece }) => {
    let cancelled = false;
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent++;
        controller.enqueue(bytes(piece));
      },
      cancel: () => {
        cancelled = true;
      },
    });
    await expect(readEvents(endless).next()).rejects.toMatchObject({ code: "upstream_failed" });
    expect(cancelled).toBe(true);
    expect(sent).toBeLessThan(15);
  });

  test("turns a connection that breaks into an error of the provider, but keeps the reason of whoever broke it off", async () => {
    const broken = (reason: unknown) => new ReadableStream<Uint8Array>({ start: (controller) => controller.error(reason) });
    await expect(readEvents(broken(new TypeError("reset"))).next()).rejects.toMatchObject({ code: "upstream_failed" });
    const tooLate = new WeirError("upstream_timeout", "Too late");
    await expect(readEvents(broken(tooLate)).next()).rejects.toBe(tooLate);
  });

  test("cancels the body when the reader stops", async () => {
    let cancelled = false;
    const body = bodyOf([bytes("data: a\n\n"), bytes("data: b\n\n")], () => {
      cancelled = true;
    });
    for await (const data of readEvents(body)) {
      expect(data).toBe("a");
      break;
    }
    expect(cancelled).toBe(true);
  });
});
