import {
  applyTransactions,
  emptyLedger,
  grantTransaction,
  type Ledger,
  type LedgerTransaction,
  releaseTransaction,
  reserveTransaction,
} from "@weir/domain/billing/ledger";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { aWallet, booksOf } from "../../../tests/support/billing.ts";
import { balanceOf, release, reserve } from "./wallet.ts";

vi.mock("cloudflare:workers", () => ({ WorkerEntrypoint: Object }));

let database: TestDatabase;
let db: D1Database;

beforeAll(async () => {
  database = await bootD1();
  db = database.db;
});
beforeEach(() => database.clear());
afterAll(() => database.stop());

const ask = (id: string, need: number | bigint, want: number | bigint = need, currency = "USD") =>
  reserve(db, { tenant: "t_eu_1", id, currency, needNanos: String(need), wantNanos: String(want), now: 0 });
const giveBack = (id: string, amount: number | bigint) => release(db, { tenant: "t_eu_1", id, amountNanos: String(amount), now: 0 });

async function expectBooksToAgree(): Promise<void> {
  const { available, held, spent, accounts, unbalanced } = await booksOf(db, "t_eu_1");
  expect(unbalanced).toEqual([]);
  expect([available, held, spent]).toEqual([accounts["wallet_available"] ?? 0n, accounts["wallet_held"] ?? 0n, accounts["revenue"] ?? 0n]);
}

describe("setting credit aside", () => {
  test("moves as much as is wished for, else what there is, else nothing: never less than is needed", async () => {
    await aWallet(db, "t_eu_1", 100n);
    expect(await ask("a", 10, 60)).toEqual({ reserved: true, amountNanos: "60" });
    expect(await ask("b", 10, 60)).toEqual({ reserved: true, amountNanos: "40" });
    expect(await ask("c", 1, 60)).toEqual({ reserved: false, availableNanos: "0", currency: "USD" });
    await expectBooksToAgree();
  });

  test("asked again with the same id moves nothing more, and answers the same", async () => {
    await aWallet(db, "t_eu_1", 100n);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask("a", 10, 30)));
    expect(answers).toEqual(Array.from({ length: 10 }, () => ({ reserved: true, amountNanos: "30" })));
    expect(await booksOf(db, "t_eu_1")).toMatchObject({ available: 70n, held: 30n });
    await expectBooksToAgree();
  });

  test("asked again with the same id answers the same when nothing is left, too: the first answer was lost, the money is set aside", async () => {
    await aWallet(db, "t_eu_1", 30n);
    await ask("a", 10, 30);
    expect(await ask("a", 10, 30)).toEqual({ reserved: true, amountNanos: "30" });
    expect(await booksOf(db, "t_eu_1")).toMatchObject({ available: 0n, held: 30n });
    await expectBooksToAgree();
  });

  test("for 300 at once with credit for 100 succeeds exactly 100 times", async () => {
    await aWallet(db, "t_eu_1", 700n);
    const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => ask(`r${index}`, 7)));
    expect(answers.filter(({ reserved }) => reserved)).toHaveLength(100);
    expect(await booksOf(db, "t_eu_1")).toMatchObject({ available: 0n, held: 700n });
    await expectBooksToAgree();
  });

  test("in another currency, or without a wallet, moves nothing and says why", async () => {
    expect(await ask("a", 1)).toEqual({ reserved: false, availableNanos: "0", currency: null });
    await aWallet(db, "t_eu_1", 100n, "EUR");
    expect(await ask("b", 1)).toEqual({ reserved: false, availableNanos: "100", currency: "EUR" });
    await expectBooksToAgree();
  });

  test("takes from no other tenant", async () => {
    await aWallet(db, "t_eu_2", 100n);
    expect(await ask("a", 1)).toMatchObject({ reserved: false });
    expect(await booksOf(db, "t_eu_2")).toMatchObject({ available: 100n, held: 0n });
  });

  test("is exact beyond 2^53", async () => {
    await aWallet(db, "t_eu_1", 9_007_199_254_740_993n);
    expect(await ask("a", 1, 9_007_199_254_740_993n)).toEqual({ reserved: true, amountNanos: "9007199254740993" });
    expect(await balanceOf(db, "t_eu_1")).toEqual({ available: "0", held: "9007199.254740993", spent: "0", currency: "USD" });
    await expectBooksToAgree();
  });
});

describe("returning credit", () => {
  test("happens once for an id", async () => {
    await aWallet(db, "t_eu_1", 100n);
    await ask("a", 50);
    await Promise.all([giveBack("b", 20), giveBack("b", 20), giveBack("b", 20)]);
    expect(await booksOf(db, "t_eu_1")).toMatchObject({ available: 70n, held: 30n });
    await expectBooksToAgree();
  });

  test("of more than is held is refused whole: no account goes below zero", async () => {
    await aWallet(db, "t_eu_1", 100n);
    await ask("a", 50);
    await expect(giveBack("b", 51)).rejects.toThrow(/wallet_never_negative/);
    expect(await booksOf(db, "t_eu_1")).toMatchObject({ available: 50n, held: 50n });
    await expectBooksToAgree();
    await giveBack("b", 50);
    expect(await booksOf(db, "t_eu_1")).toMatchObject({ available: 100n, held: 0n });
  });
});

test("a balance is decimal text; without a wallet there is nothing, in no currency", async () => {
  expect(await balanceOf(db, "t_eu_1")).toEqual({ available: "0", held: "0", spent: "0", currency: null });
  await aWallet(db, "t_eu_1", 1_500_000_001n);
  expect(await balanceOf(db, "t_eu_1")).toEqual({ available: "1.500000001", held: "0", spent: "0", currency: "USD" });
});

test("whatever is asked, in whatever order and however often: the database does what the ledger's rules say", async () => {
  const movement = fc.record({
    kind: fc.constantFrom("reserve", "release"),
    id: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    amount: fc.bigInt({ min: 1n, max: 60n }),
  });
  await fc.assert(
    fc.asyncProperty(fc.bigInt({ min: 1n, max: 150n }), fc.array(movement, { maxLength: 12 }), async (granted, movements) => {
      await database.clear();
      await aWallet(db, "t_eu_1", granted);
      let model: Ledger = emptyLedger("USD");
      const apply = (transaction: LedgerTransaction) => {
        ({ ledger: model } = applyTransactions(model, [transaction]));
      };
      apply(grantTransaction({ id: "grant", currency: "USD", amountNanos: granted }));
      for (const { kind, id, amount } of movements) {
        const fields = { id, currency: "USD", amountNanos: amount };
        apply(kind === "reserve" ? reserveTransaction(fields) : releaseTransaction(fields));
        if (kind === "reserve") await ask(id, amount);
        else await giveBack(id, amount).catch(() => undefined);
        const { available, held, accounts } = await booksOf(db, "t_eu_1");
        expect([available, held]).toEqual([model.balances.wallet_available, model.balances.wallet_held]);
        expect(accounts["grants_issued"]).toBe(model.balances.grants_issued);
      }
      await expectBooksToAgree();
    }),
    { numRuns: 40 },
  );
}, 60_000);
