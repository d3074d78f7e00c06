import { WeirError } from "@weir/domain/errors";
import { createParser } from "eventsource-parser";

// The longest line that a chat stream has reason to send; a hostile one would fill the isolate's memory.
const MAX_BUFFERED_CHARACTERS = 1_000_000;

/** The `data` of each server-sent event of a body. Reading stops, and the body is cancelled, when the caller stops. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const ready: string[] = [];
  let broken: Error | undefined;
  const parser = createParser({
    onEvent: (event) => ready.push(event.data),
    onError: (error) => {
      // Comments and unknown fields are no reason to stop; a buffer that overflows is.
      if (error.type === "max-buffer-size-exceeded") broken = error;
    },
    maxBufferSize: MAX_BUFFERED_CHARACTERS,
  });
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        // The reason of whoever broke off says more than that it broke.
        if (error instanceof WeirError) throw error;
        throw new WeirError("upstream_failed", "The connection to the provider broke.", { cause: error });
      });
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      if (broken) throw new WeirError("upstream_failed", "The provider sent an event that is too long.", { cause: broken });
      yield* ready.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
