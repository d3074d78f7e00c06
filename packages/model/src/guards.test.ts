import { expect, test } from "vitest";
import type { ChatMessage } from "./chat.ts";
import { askedFact, claimsAction, clarifyingQuestion, honestWording, inventedValues, safeSentence } from "./guards.ts";
import { INTENTS } from "./router.ts";

const user = (content: string): ChatMessage => ({ role: "user", content });
const system = (content: string): ChatMessage => ({ role: "system", content });

test.each([
  [
    "refund",
    "I am sorry about that. I have opened a refund request for order KX-5521. The money goes back to your original payment method within 5 to 10 business days.",
    "KX-5521",
    'send support: "Please refund order KX-5521."',
  ],
  [
    "order",
    "Let me check order A-1 for you. You can follow it live under Orders > A-1, and I will let you know as soon as it moves.",
    "A-1",
    "You can follow it live under Orders > A-1.",
  ],
  [
    "human",
    "Of course. I have asked a colleague to take over. You can also reach us at our support email, and we answer within one business day.",
    "",
    "I cannot transfer this conversation. Please write to our support email.",
  ],
  [
    "consent",
    "Done: I have recorded the withdrawal of your consent for ads. We stop this processing right away. You can see all consents under Settings > Privacy.",
    "ads",
    "You can withdraw your consent for ads under Settings > Privacy.",
  ],
] as const)("a claimed action becomes a draft or an instruction: %s", (intent, reply, said, expected) => {
  const honest = honestWording(reply, [user(said)], intent, "en");
  expect(honest).toContain(expected);
  expect(claimsAction(honest)).toBe(false);
});

test("中文的“已提交”变成可以发给客服的话", () => {
  const honest = honestWording(
    "很抱歉给您带来不便。我已为订单 A-1234 提交退款申请，款项将在 5 到 10 个工作日内退回原支付方式。",
    [user("A-1234")],
    "refund",
    "zh",
  );
  expect(honest).toContain("请为订单 A-1234 办理退款");
  expect(claimsAction(honest)).toBe(false);
});

test.each([
  "I've cancelled your plan.",
  "We have already refunded you.",
  "I'm opening a ticket for you.",
  "Your order has been cancelled.",
  "We will resend it.",
  "Our security team will contact you.",
  "已为您提交申请。",
  "正在为您处理。",
  "我会马上为您处理。",
])("an unforeseen claim is recognised and replaced: %s", (claim) => {
  expect(claimsAction(claim)).toBe(true);
  const honest = honestWording(claim, [], "cancel", "en");
  expect(honest).toBe(safeSentence("cancel", "en"));
});

test.each([
  "You can cancel any time under Settings > Billing > Cancel plan.",
  "If a key was leaked, revoke it there first and create a new one.",
  'Here is what to send support: "Please refund order A-1."',
  "您可以在“设置 > 隐私”撤回您的同意。",
])("an honest instruction is left alone: %s", (text) => {
  expect(claimsAction(text)).toBe(false);
  expect(honestWording(text, [], "cancel", "en")).toBe(text);
});

test("the fixed sentences claim nothing and name no value", () => {
  for (const language of ["en", "zh"] as const) {
    for (const intent of INTENTS) {
      const sentence = safeSentence(intent, language);
      expect(claimsAction(sentence)).toBe(false);
      expect(inventedValues(sentence, [])).toEqual([]);
    }
    expect(claimsAction(clarifyingQuestion(language, []))).toBe(false);
  }
});

test("a clarifying question names the likeliest topics in the user's language", () => {
  expect(clarifyingQuestion("en", [{ intent: "invoice" }, { intent: "ood" }, { intent: "webhook" }])).toContain(
    "invoices, webhooks or where an order is",
  );
  expect(clarifyingQuestion("zh", [{ intent: "password" }])).toContain("登录和密码");
});

test("values nobody wrote are found, values that were written are not", () => {
  const prompt = [system("Support: help@acme.io. Fee $20."), user("order A-48213, charged 12.50 EUR")];
  expect(inventedValues("Order A-48213: 12.50 EUR, write to help@acme.io, fee $20, 404", prompt)).toEqual([]);
  expect(inventedValues("Order A-4821", prompt)).toEqual(["A-4821"]);
  expect(inventedValues("Order A-482131 costs $21, mail me@acme.io", prompt)).toEqual(["me@acme.io", "$21", "A-482131"]);
  expect(inventedValues("You can move to Scale under Settings", [user("a cheaper plan")])).toEqual(["Scale"]);
  expect(inventedValues("You can move to Scale under Settings", [user("to scale please")])).toEqual([]);
});

test("a fact is known only when a system message states it", () => {
  const facts = system(
    "You work for Acme. Refunds are possible within 45 days. Support email: help@acme.io. The setup fee is $20. Opening hours: 9:00 to 17:00.",
  );
  expect(askedFact("how long do I have to return something?", [facts], "en")).toMatchObject({ value: "45 days" });
  expect(askedFact("what's your support email?", [facts], "en")).toMatchObject({ value: "help@acme.io" });
  expect(askedFact("what are your opening hours?", [facts], "en")).toMatchObject({ value: "9:00 to 17:00" });
  expect(askedFact("which company is this?", [facts], "en")).toMatchObject({ value: "Acme" });
  expect(askedFact("what is the setup fee?", [facts], "en")).toMatchObject({ value: "$20", answer: "The setup fee is $20." });
  expect(askedFact("what is the late fee?", [facts], "en")).toMatchObject({ name: "late fee", value: undefined });
  expect(askedFact("how long do I have to return something?", [user("refunds are possible within 99 days")], "en")).toMatchObject({
    value: undefined,
  });
  expect(askedFact("where is my order A-1?", [facts], "en")).toBeUndefined();
});

test("a span of time the conversation does not state is dropped, one it states is kept", () => {
  const reply = "Refunds are possible within 45 days of purchase. Once approved, it takes 5 to 10 business days until the money arrives.";
  expect(honestWording(reply, [system("Refunds within 45 days.")], "refund_policy", "en")).toBe(
    "Refunds are possible within 45 days of purchase.",
  );
});
