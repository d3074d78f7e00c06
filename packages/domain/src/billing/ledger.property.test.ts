import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  applyTransactions,
  emptyLedger,
  grantTransaction,
  ledgerAccounts,
  releaseTransaction,
  reserveTransaction,
  settleTransaction,
} from "./ledger.ts";

const builders = [grantTransaction, reserveTransaction, releaseTransaction, settleTransaction];
const transaction = fc
  .tuple(fc.constantFrom(...builders), fc.nat(30), fc.bigInt({ min: 1n, max: 1000n }))
  .map(([build, id, amountNanos]) => build({ id: `tx-${id}`, currency: "USD", amountNanos }));
const transactions = fc.array(transaction, { maxLength: 60 });

test("whatever arrives, the ledger sums to zero and neither wallet account goes below zero", () => {
  fc.assert(
    fc.property(transactions, (all) => {
      let ledger = emptyLedger("USD");
      for (const one of all) {
        ledger = applyTransactions(ledger, [one]).ledger;
        expect(ledgerAccounts.reduce((sum, account) => sum + ledger.balances[account], 0n)).toBe(0n);
        expect(ledger.balances.wallet_available >= 0n && ledger.balances.wallet_held >= 0n).toBe(true);
      }
    }),
  );
});

test("what was spent and what is left is what was granted", () => {
  fc.assert(
    fc.property(transactions, (all) => {
      const { wallet_available, wallet_held, revenue, grants_issued } = applyTransactions(emptyLedger("USD"), all).ledger.balances;
      expect(wallet_available + wallet_held + revenue).toBe(-grants_issued);
    }),
  );
});

test("redelivering everything that was applied changes nothing", () => {
  fc.assert(
    fc.property(transactions, (all) => {
      const { ledger } = applyTransactions(emptyLedger("USD"), all);
      const again = all.filter(({ id }) => ledger.applied.has(id));
      expect(applyTransactions(ledger, again).ledger.balances).toEqual(ledger.balances);
    }),
  );
});
