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
  const named = [header, safety_identifier, user].filter((value) => value !== undefined && value !== "");
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
