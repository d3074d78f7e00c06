import { hashKey, newKey, OPERATOR } from "@weir/domain/keys";
import { bootStack, CELLS, type CellName, type CellSecrets, type Stack, type StackOptions } from "../../packages/cli/src/stack.ts";

export interface TestStack extends Stack {
  operatorKeys: Record<CellName, string>;
  secrets: Record<CellName, CellSecrets>;
}

/** Keys and secrets of a stack; kept by tests that stop a stack and boot it again from its state. */
export async function newSecrets(): Promise<Pick<TestStack, "operatorKeys" | "secrets">> {
  const operatorKeys = { eu: newKey("eu", OPERATOR).key, us: newKey("us", OPERATOR).key };
  const secret = async (cell: CellName): Promise<CellSecrets> => ({
    CELL_KEY: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64"),
    OPERATOR_KEY_HASH: await hashKey(operatorKeys[cell]),
  });
  return { operatorKeys, secrets: { eu: await secret(CELLS[0]), us: await secret(CELLS[1]) } };
}

/** Gateway and both cells in one workerd, as they are deployed, with throw-away state. */
export async function bootTestStack(
  options: Partial<StackOptions> & { keys?: Awaited<ReturnType<typeof newSecrets>> } = {},
): Promise<TestStack> {
  const { keys = await newSecrets(), ...rest } = options;
  const stack = await bootStack({ ...rest, secrets: keys.secrets });
  return { ...stack, ...keys };
}
