import { expect, test } from "vitest";
import {
  applyTransactions,
  emptyLedger,
  grantTransaction,
  releaseTransaction,
  requireBalanced,
  reserveTransaction,
  settleTransaction,
} from "./ledger.ts";

const usd = (id: string, amountNanos: bigint) => ({ id, currency: "USD", amountNanos });

test("credit is granted, held, partly spent, and the rest returned", () => {
  const { ledger, refused } = applyTransactions(emptyLedger("USD"), [
    grantTransaction(usd("grant", 100n)),
    reserveTransaction(usd("reserve", 40n)),
    settleTransaction(usd("settle", 25n)),
    releaseTransaction(usd("release", 15n)),
  ]);
  expect(refused).toEqual([]);
  expect(ledger.balances).toEqual({ wallet_available: 75n, wallet_held: 0n, revenue: 25n, grants_issued: -100n });
});

test("a transaction that is delivered twice moves money once", () => {
  const grant = grantTransaction(usd("grant", 100n));
  const once = applyTransactions(emptyLedger("USD"), [grant, grant]).ledger;
  expect(applyTransactions(once, [grant]).ledger.balances.wallet_available).toBe(100n);
});

test("credit for exactly 100 of 200 reservations holds exactly 100", () => {
  const granted = applyTransactions(emptyLedger("USD"), [grantTransaction(usd("grant", 1000n))]).ledger;
  const reservations = Array.from({ length: 200 }, (_, index) => reserveTransaction(usd(`reserve-${index}`, 10n)));
  const { ledger, refused } = applyTransactions(granted, reservations);
  expect(refused).toHaveLength(100);
  expect(ledger.balances).toMatchObject({ wallet_available: 0n, wallet_held: 1000n });
});

test("more cannot be settled or released than is held", () => {
  const { refused } = applyTransactions(emptyLedger("USD"), [settleTransaction(usd("settle", 1n)), releaseTransaction(usd("release", 1n))]);
  expect(refused.map(({ reason }) => reason)).toEqual(["insufficient_held", "insufficient_held"]);
});

test("another currency is refused", () => {
  const grant = grantTransaction({ id: "grant", currency: "EUR", amountNanos: 1n });
  expect(applyTransactions(emptyLedger("USD"), [grant]).refused).toEqual([{ id: "grant", reason: "currency_mismatch" }]);
});

test("entries that do not sum to zero are thrown out", () => {
  const lopsided = { id: "bad", kind: "grant", currency: "USD", entries: [{ account: "revenue", amountNanos: 1n }] } as const;
  expect(() => requireBalanced(lopsided)).toThrow("its entries sum to 1 nanos");
  expect(() => applyTransactions(emptyLedger("USD"), [lopsided])).toThrow(RangeError);
});

test("amounts below zero, empty grants and amounts beyond 64 bits are thrown out", () => {
  expect(() => settleTransaction(usd("settle", -1n))).toThrow(RangeError);
  expect(() => grantTransaction(usd("grant", 0n))).toThrow(RangeError);
  expect(() => reserveTransaction(usd("reserve", 0n))).toThrow(RangeError);
  expect(() => grantTransaction(usd("grant", 2n ** 63n))).toThrow(/64 bits/);
});

test("usage worth less than a nano settles as zero", () => {
  expect(applyTransactions(emptyLedger("USD"), [settleTransaction(usd("settle", 0n))]).refused).toEqual([]);
});
