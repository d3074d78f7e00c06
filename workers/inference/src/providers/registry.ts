import type { ProviderName } from "../snapshot.ts";
import { embedded } from "./embedded.ts";
import { openAiCompatible } from "./openai-compatible.ts";
import type { Provider } from "./provider.ts";
import { workersAi } from "./workers-ai.ts";

const PROVIDERS: Record<ProviderName, Provider> = {
  embedded,
  "openai-compatible": openAiCompatible,
  "workers-ai": workersAi,
};

export function providerOf(name: ProviderName): Provider {
  return PROVIDERS[name];
}
