/** What a key may do. `*` is all of a tenant's own rights but the two that must be given by name. */
export const SCOPES = [
  "inference:call",
  "usage:read",
  "billing:read",
  "billing:admin",
  "models:admin",
  "privacy:app",
  "privacy:officer",
  "audit:read",
  "evidence:claims",
  "operator",
] as const;
export type Scope = (typeof SCOPES)[number];
export const GRANTABLE_SCOPES = [...SCOPES, "*"] as const;
export type GrantableScope = (typeof GRANTABLE_SCOPES)[number];

export function hasScope(held: readonly string[], needed: Scope): boolean {
  if (held.includes(needed)) return true;
  return held.includes("*") && needed !== "evidence:claims" && needed !== "operator";
}

/** The scopes among `wanted` that the holder lacks: nobody grants a scope that they do not have. */
export function scopesNotHeld(held: readonly string[], wanted: readonly GrantableScope[]): GrantableScope[] {
  return wanted.filter((scope) => (scope === "*" ? !held.includes("*") : !hasScope(held, scope)));
}
