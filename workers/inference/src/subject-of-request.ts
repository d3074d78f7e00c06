import { WeirError } from "@weir/domain/errors";

interface Named {
  /** The `x-weir-subject` header. */
  header: string | undefined;
  safety_identifier?: string | undefined;
  user?: string | undefined;
}

const MAX_LENGTH = 256;

/**
 * The tenant's reference to the person whom a request is for: `x-weir-subject`, else `safety_identifier`, else `user`.
 * Two that differ are refused: consent must not be asked of one person and the other's data used.
 */
export function subjectReference({ header, safety_identifier, user }: Named): string | undefined {
  const named = [utf8Header(header), safety_identifier, user]
    .map((value) => value?.trim())
    .filter((value) => value !== undefined && value !== "");
  const [first, ...others] = new Set(named);
  if (others.length > 0) {
    throw new WeirError("subject_conflict", "`x-weir-subject`, `safety_identifier` and `user` name different people.", {
      param: "x-weir-subject",
    });
  }
  if (first !== undefined && first.length > MAX_LENGTH) {
    throw new WeirError("invalid_request", `x-weir-subject: at most ${MAX_LENGTH} characters.`, { param: "x-weir-subject" });
  }
  return first;
}

/**
 * HTTP gives the bytes of a header as Latin-1 (RFC 9110, 5.5), and clients send UTF-8: read so where the bytes are UTF-8, since one
 * person written in two ways would be two people, of whom one has refused nothing.
 */
function utf8Header(value: string | undefined): string | undefined {
  if (value === undefined || !/[\u0080-\u00ff]/.test(value) || /[^\0-\u00ff]/.test(value)) return value;
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return value;
  }
}
