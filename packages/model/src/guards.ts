import type { ChatMessage } from "./chat.ts";
import type { Intent } from "./router.ts";
import type { Language } from "./router-features.ts";

// --- (a) not sure what the user wants -------------------------------------------------------------------------------------------------------

/** What an intent is called in a question to the user. Intents without an entry are never offered. */
const TOPICS: Partial<Record<Intent, Record<Language, string>>> = {
  order: { en: "where an order is", zh: "查询订单" },
  refund: { en: "a refund or return", zh: "退款退货" },
  refund_policy: { en: "the refund rules", zh: "退款规则" },
  cancel: { en: "cancelling a plan", zh: "取消套餐" },
  change_plan: { en: "changing your plan", zh: "更换套餐" },
  charge_question: { en: "a charge you do not recognise", zh: "扣款疑问" },
  invoice: { en: "invoices", zh: "发票" },
  payment_failed: { en: "a failed payment", zh: "付款失败" },
  update_card: { en: "your payment method", zh: "付款方式" },
  consent: { en: "your consents", zh: "授权设置" },
  delete_data: { en: "deleting your data", zh: "删除个人数据" },
  export_data: { en: "a copy of your data", zh: "导出数据" },
  api_key: { en: "API keys", zh: "API 密钥" },
  rate_limit: { en: "limits and usage", zh: "用量限制" },
  password: { en: "signing in", zh: "登录和密码" },
  two_factor: { en: "two-factor authentication", zh: "两步验证" },
  invite_team: { en: "team members", zh: "团队成员" },
  integration: { en: "connecting another app", zh: "应用集成" },
  webhook: { en: "webhooks", zh: "Webhook" },
  outage: { en: "something that does not work", zh: "服务故障" },
  human: { en: "reaching a person", zh: "人工客服" },
  pricing: { en: "plans and prices", zh: "价格" },
  change_address: { en: "your address or contact details", zh: "地址和联系方式" },
  fraud: { en: "suspicious activity", zh: "可疑活动" },
};

const USUAL_TOPICS: readonly Intent[] = ["order", "refund", "invoice"];

/** Asks what the user meant and names the three likeliest topics. */
export function clarifyingQuestion(language: Language, ranked: readonly { intent: Intent }[]): string {
  const topics: string[] = [];
  for (const intent of [...ranked.slice(0, 3).map((entry) => entry.intent), ...USUAL_TOPICS]) {
    const topic = TOPICS[intent]?.[language];
    if (topic && !topics.includes(topic) && topics.length < 3) topics.push(topic);
  }
  const [first, second, third] = topics;
  return language === "zh"
    ? `抱歉，我没有完全理解您的问题。您是想咨询${first}、${second}还是${third}？`
    : `I am not sure what you mean. Is it about ${first}, ${second} or ${third}? Please say it in other words.`;
}

// --- (b) values the model made up -----------------------------------------------------------------------------------------------------------

const EMAIL = /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
const URL_LIKE = /https?:\/\/[^\s，。）)]+/giu;
const AMOUNT = /[$€£¥]\s?\d[\d.,]*\d|[$€£¥]\s?\d|\d[\d.,]*\s?(?:USD|EUR|GBP|dollars?|euros?|pounds?|元|美元|欧元)/giu;
/** Order and invoice numbers: letters and digits joined, "#123", or four digits and more. */
const IDENTIFIER = /#\d+|\b[A-Z]{1,5}-?\d{2,}\b|\b\d+-\d{2,}\b|\b\d{4,}\b/gu;

/** Where a reply names a plan, an app, a month or a purpose that the user must have named first. */
const NAMED_SLOTS: readonly RegExp[] = [
  /\b(?:switch to the|move to|and choose) (\p{L}[\p{L}\p{N}]*)(?= plan| under|\.)/gu,
  /\bYou can connect (.+?) under Settings/gu,
  /\bThe (\p{L}[\p{L}\p{N}]*) integration\b/gu,
  /\b[Tt]he (\p{Lu}\p{L}+) invoice\b/gu,
  /\bconsent for (.+?) (?:has been|under)\b/gu,
];

const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
const squeeze = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, "");

/** E-mails, links, amounts and ids in a text, e-mails first, each only once. */
function valuesIn(text: string): string[] {
  const values: string[] = [];
  let rest = text;
  for (const pattern of [EMAIL, URL_LIKE, AMOUNT, IDENTIFIER]) {
    rest = rest.replaceAll(pattern, (value) => {
      values.push(value);
      return " ";
    });
  }
  return values;
}

function slotsIn(reply: string): string[] {
  return NAMED_SLOTS.flatMap((pattern) => [...reply.matchAll(pattern)].map((match) => match[1] ?? ""));
}

/** Values of the reply that nobody wrote in the conversation. A value counts as given only whole: "A-4821" is not in "A-48213". */
export function inventedValues(reply: string, messages: readonly ChatMessage[]): string[] {
  const prompt = messages.map((message) => message.content).join("\n");
  const given = new Set(valuesIn(prompt).map(squeeze));
  const isGiven = (value: string): boolean =>
    given.has(squeeze(value)) || new RegExp(`(?<![\\p{L}\\d.-])${escapeRegExp(value)}(?![\\p{L}\\d-])`, "iu").test(prompt);
  return [...valuesIn(reply), ...slotsIn(reply)].filter((value) => !isGiven(value));
}

// --- (c) facts nobody supplied --------------------------------------------------------------------------------------------------------------

/** A fact the user asks for and, when the system messages state it, the value. */
export interface AskedFact {
  name: string;
  value: string | undefined;
  /** The answer, in case the model's own does not contain the value. */
  answer: string | undefined;
}

interface FactRule {
  name: Record<Language, string>;
  asked: RegExp;
  /** The first group is the value. */
  stated: RegExp;
}

const FACT_RULES: readonly FactRule[] = [
  {
    name: { en: "refund period", zh: "退款期限" },
    asked:
      /\b(?:how (?:many days|long|late|much time|many weeks)|until when|deadline|time limit|cut-?off|window|period)\b.*\b(?:refund|return|send\b.*\bback|bring\b.*\bback|exchange|money back)|\b(?:refund|return)s?\s+(?:period|window|deadline|policy|rules|terms)|(?:退款|退货).*(?:多久|几天|多少天|期限|政策|规则)|(?:多久|几天|多少天).*(?:退款|退货)/iu,
    stated: /(?:refund|return)[^.\n]{0,60}?(\d+\s*days?)|(?:退款|退货)[^。\n]{0,30}?(\d+\s*天)|(\d+\s*天)[^。\n]{0,10}(?:退款|退货)/iu,
  },
  {
    name: { en: "support e-mail address", zh: "客服邮箱" },
    asked:
      /\b(?:e-?mail address|support e-?mail|contact e-?mail|(?:what|which) (?:is (?:the|your) )?e-?mail|your e-?mail\b|e-?mail (?:you|support) at)|(?:你们|客服|联系).{0,6}邮箱|邮箱.{0,4}(?:是什么|是多少)/iu,
    stated: /([\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+)/iu,
  },
  {
    name: { en: "phone number", zh: "电话号码" },
    asked:
      /\b(?:what|which)\b.*\b(?:phone|telephone) number|\byour (?:phone|telephone|hotline)|\bis there a (?:phone|telephone|hotline|number)\b|\bnumber (?:I|we) can (?:call|ring)|\bnumber to call|(?:电话|热线).{0,6}(?:多少|是什么|号码)/iu,
    stated: /(?:phone|telephone|hotline|call us|电话|热线)[^.\n]{0,30}?(\+?\d[\d\s()-]{5,}\d)/iu,
  },
  {
    name: { en: "opening hours", zh: "营业时间" },
    asked:
      /\b(?:opening|business|office|working|support) hours\b|\bwhen (?:are|do) you (?:open|close|available)|\bwhat time do you (?:open|close)|(?:营业|工作|上班|服务)时间|几点(?:开门|上班|关门|下班)/iu,
    stated:
      /(?:hours|open|营业时间|工作时间|服务时间)[^.\n]{0,20}?(\d{1,2}(?::\d\d)?\s*(?:am|pm)?\s*(?:to|-|–|until|到|至)\s*\d{1,2}(?::\d\d)?\s*(?:am|pm)?)/iu,
  },
  {
    name: { en: "name of the company", zh: "公司名称" },
    asked:
      /\b(?:which|what) (?:company|firm|business|shop) (?:is this|is that|are you|do you)\b|\bname of (?:the|your) (?:company|firm|shop)|\b(?:who|whom) do you work for|\bcompany name\?|(?:哪家|什么)公司|公司(?:名|叫什么)/iu,
    stated:
      /\b(?:assistant (?:of|for|at)|work for|support (?:of|for)|company(?: name)?(?: is|:))\s+(?:the\s+)?(\p{Lu}[\p{L}\p{N}]*(?:\s+\p{Lu}[\p{L}\p{N}]*)*)|(?:公司(?:名称)?(?:是|：|为)|是)\s*([\p{Script=Han}\p{L}\p{N}]{2,12}?)(?:的|。|，|公司)/u,
  },
];

/** "what is the setup fee?": the last words name a fact that only the operator can know. */
const NAMED_FACT =
  /\b(?:what(?:'s| is| are| would be| about)|tell me|give me|do you know|i need)\b.*?\b(?:the|your|our)\s+((?:[a-z]+\s+){0,2}(?:fee|price|limit|period|address|phone|email|time|date|city|manager|code|color|size|weight|speed|deadline|room|name|language|number|country|hours|version|owner|discount|duration|url|plan|department))\b/iu;

function firstGroup(match: RegExpExecArray | null): string | undefined {
  return match?.slice(1).find((group) => group !== undefined);
}

/** "The setup fee is $20." or "Setup fee: $20" gives "$20". */
function namedFactIn(context: string, name: string): string | undefined {
  const stated = new RegExp(`(?<![\\p{L}-])${escapeRegExp(name)}(?:\\s+(?:is|are)\\s+|\\s*:\\s*)(.+?)(?=\\.(?:\\s|$)|\\n|$)`, "iu");
  return firstGroup(stated.exec(context))?.trim();
}

/** The fact a question asks for, or undefined when it asks for none. Only system messages state facts: a user cannot make one true. */
export function askedFact(question: string, messages: readonly ChatMessage[], language: Language): AskedFact | undefined {
  const context = messages
    .filter((message) => message.role === "system")
    .map((message) => message.content)
    .join("\n");
  const named = NAMED_FACT.exec(question)?.[1]?.trim().toLowerCase();
  const namedValue = named === undefined ? undefined : namedFactIn(context, named);
  if (named !== undefined && namedValue !== undefined) return { name: named, value: namedValue, answer: `The ${named} is ${namedValue}.` };

  const rule = FACT_RULES.find((candidate) => candidate.asked.test(question));
  if (rule) {
    const name = rule.name[language];
    const value = firstGroup(rule.stated.exec(context));
    if (value === undefined) return { name, value, answer: undefined };
    return { name, value, answer: language === "zh" ? `${name}：${value}。` : `The ${name} is ${value}.` };
  }
  // Facts were supplied, this one is not among them.
  if (named !== undefined && /(?:\bis\b|:)/u.test(context)) return { name: named, value: undefined, answer: undefined };
  return undefined;
}

/** Says that a fact is not known. */
export function unknownFact(name: string, language: Language): string {
  return language === "zh"
    ? `抱歉，我没有关于${name}的信息，请联系我们的客服团队。`
    : `I do not have that information: nobody told me the ${name}. Please contact our support team.`;
}

// --- (d) actions nobody took ----------------------------------------------------------------------------------------------------------------

/**
 * Sentences that claim something was or will be done. weir-chat has no tools, so each of them is untrue.
 * A reply that still matches one after rephrasing loses that sentence.
 */
const CLAIM_PATTERNS: readonly RegExp[] = [
  /\b(?:I|we)(?:'ve| have|'d| had)?(?: just| already| now| also)? (?:opened|started|created|submitted|filed|cancell?ed|refunded|processed|sent|flagged|recorded|looked up|checked|updated|changed|deleted|removed|asked|passed|transferred|escalated|notified|scheduled|initiated|issued|forwarded|reported|registered|withdrawn|reset|added|booked|contacted|informed|told|arranged)\b/iu,
  /\b(?:I am|I'm|we are|we're) (?:now |currently )?(?:passing|transferring|connecting|cancell?ing|refunding|opening|processing|sending|forwarding|escalating|starting|deleting|checking|looking into|putting)\b/iu,
  /\b(?:I|we)(?: will|'ll| can| shall)(?: now| then| also)? (?:let you know|send you|open|start|pass|notify|refund|cancel|process|check|look|resend|replace|correct|delete|transfer|escalate|forward|contact|fix|update you|get back)\b/iu,
  /\b(?:so that|and) I (?:can|will) (?:open|start|process|cancel|refund|check|pass)\b/iu,
  /\blet me (?:check|look|open|start|cancel|refund|transfer|connect|see|process)\b/iu,
  /\b(?:has|have) (?:now |already |just )?been (?:withdrawn|cancell?ed|refunded|processed|submitted|alerted|deleted|updated|recorded|sent|opened|notified|flagged|changed|removed|informed|created|issued|transferred)\b/iu,
  /\b(?:security|support) team (?:has|have|will|is)\b/iu,
  /\b(?:takes effect immediately|change is effective now|stop this processing right away|I have your|happy to look that up)\b/iu,
  /^done\b/iu,
  /已(?:经)?(?:为|帮|给|将|把|替|向)|已(?:撤回|提交|取消|退款|退回|删除|转接|通知|更新|登记|受理|发送|处理)/u,
  /正在(?:为|帮|给|将|替|把)/u,
  /我(?:会|马上|来|将|这就)(?:马上|立即)?(?:为|帮|给|通知|提交|取消|处理|查询|转接)|我们会(?:核实|处理|在|尽快|通知|为)|立即生效/u,
];

/** True when a text claims an action. */
export function claimsAction(text: string): boolean {
  return sentencesOf(text).some((sentence) => CLAIM_PATTERNS.some((pattern) => pattern.test(sentence)));
}

/** Splits after sentence marks; keeps "Orders > A-10.5" whole, since a mark inside a token has no space after it. */
function sentencesOf(text: string): string[] {
  return (text.match(/.+?(?:[.!?](?=\s|$)|[。！？]|$)/gsu) ?? []).map((sentence) => sentence.trim()).filter((sentence) => sentence !== "");
}

type Rewrite = readonly [pattern: RegExp, replacement: string];

/**
 * What weir-chat was trained to say, and what is true instead: a draft to send, or where to do it oneself. In order; the first group of a
 * pattern is kept where the replacement names it.
 */
const REWRITES: readonly Rewrite[] = [
  // Refunds
  [
    /I have opened a refund request for order (\S+?)\.(?=\s|$)/iu,
    'I cannot request it for you. Here is what to send support: "Please refund order $1."',
  ],
  [
    /Sorry for the trouble with order (\S+?)\. I have started the refund\./iu,
    'Sorry for the trouble. I cannot start a refund myself. Here is what to send support: "Please refund order $1."',
  ],
  [/ ?(?:The money goes back to|You will get the money back|It will reach)[^.]*\./iu, ""],
  [/ and I will (?:open|start) the refund request/iu, " and I will draft the request for you to send to support"],
  [/ so that I can start the request/iu, " so that I can draft the request for you to send to support"],
  // Orders
  [/Let me check order (\S+) for you\. /iu, ""],
  [/I have looked up order (\S+?)\. /iu, "I cannot look up orders myself. "],
  [/, and I will (?:let you know|send you an update) as soon as it moves/iu, ""],
  [/I can check that for you\. (?=.*order number)/iu, "I can tell you where to follow it. "],
  [/Happy to look that up\. /iu, "I can tell you where to follow it. "],
  // The training data gave an example number; a customer could take it for theirs.
  [/It looks like \S+ and is in your confirmation email/iu, "It is in your confirmation email"],
  // Billing
  [/reply with the invoice number and we will (?:correct|refund) it/iu, "send the invoice number to support and ask for a correction"],
  [/send me the invoice number and I will open a review/iu, "send the invoice number to support and ask for a review"],
  // Privacy
  [/Your consent for (.+?) has been withdrawn\./iu, "You can withdraw your consent for $1 under Settings > Privacy."],
  [
    /Done: I have recorded the withdrawal of your consent for (.+?)\. /iu,
    "You can withdraw your consent for $1 under Settings > Privacy. ",
  ],
  [
    / ?(?:The change is effective now|It takes effect immediately) and does not affect earlier processing\./iu,
    " A withdrawal does not affect earlier processing.",
  ],
  [/ ?We stop this processing right away\./iu, ""],
  [/I can start that\. /iu, ""],
  [/The archive is ready within 24 hours and we email you a link\./iu, "We email you a link to the archive."],
  // People and incidents
  [
    /I am passing this conversation to our support team\. You can also (?:write to|reach us at)/iu,
    "I cannot transfer this conversation. Please write to",
  ],
  [
    /Of course\. I have asked a colleague to take over\. You can also (?:write to|reach us at)/iu,
    "I cannot transfer this conversation. Please write to",
  ],
  [
    /I have flagged your account for our security team\./iu,
    'Please also report it to support: "I see activity on my account that I did not make."',
  ],
  [
    /Our security team has been alerted and will contact you\./iu,
    'Please also report it to support: "I see activity on my account that I did not make."',
  ],
  [
    /please tell me the error message and the time, and I will (?:open a ticket|pass it to our engineers)/iu,
    "please send the error message and the time to support",
  ],
  [/send me the error message and when it happened and I will open a ticket/iu, "send the error message and when it happened to support"],
  // Chinese
  [/我来帮您查询订单 ?(\S+?)。/u, ""],
  [/，有变化时我会通知您/u, ""],
  [/请把您的订单号发给我，我马上帮您查询/u, "请在确认邮件中找到订单号，并在“订单”页面查看物流状态"],
  [
    /我已为订单 ?(\S+?) ?提交退款申请，款项将在.*?退回原支付方式。/u,
    "我无法代您提交申请。您可以把这句话发给客服：“请为订单 $1 办理退款。”",
  ],
  [/请告诉我您的订单号，我会为您提交退款申请。/u, "请告诉我您的订单号，我可以帮您写好退款申请，由您发给客服。"],
  [/您的同意已撤回，立即生效。您可以在“设置 > 隐私”查看所有授权。/u, "您可以在“设置 > 隐私”撤回您的同意。"],
  [/，?请把发票号发给我，我们会核实处理/u, "，请把发票号发给客服核实"],
  [/好的，正在为您转接人工客服。/u, "我无法代您转接，请联系我们的客服团队。"],
];

/** A span of time. weir-chat learnt some by heart ("within 5 to 10 business days"): they are an operator's promise, not the model's. */
const DURATION_EN = "(?:\\d+|one|two|three)(?: (?:to|or) \\d+)?[ -](?:business )?(?:day|hour|minute|week|month|year)s?";
const DURATION = new RegExp(`\\b${DURATION_EN}\\b|\\d+(?: ?(?:到|至|-) ?\\d+)? ?(?:个工作日|个月|小时|分钟|天|周|年)|一个工作日`, "giu");

/** Clauses that hold nothing but a learnt span of time and can go without taking their sentence along. */
const DURATION_CLAUSES: readonly RegExp[] = [
  new RegExp(`[;,] (?:and )?we answer within ${DURATION_EN}`, "iu"),
  new RegExp(` that is valid for ${DURATION_EN}`, "iu"),
  new RegExp(`, and there is a ${DURATION_EN} free trial`, "iu"),
  new RegExp(` within ${DURATION_EN}`, "iu"),
  new RegExp(`; (?:failed deliveries are retried for|the invitation is valid for) ${DURATION_EN}`, "iu"),
  new RegExp(` and are valid for ${DURATION_EN}`, "iu"),
  /，我们会发送一封有效期为 \d+ 小时的重置邮件/u,
  /在 \d+ 天内/u,
];

function statesUnknownDuration(text: string, prompt: string): boolean {
  return (text.match(DURATION) ?? []).some((duration) => !squeeze(prompt).includes(squeeze(duration)));
}

/** Drops spans of time the conversation does not state: the clause where that leaves a sentence, else the sentence. */
function dropUnknownDurations(text: string, prompt: string): string {
  const kept: string[] = [];
  for (const sentence of sentencesOf(text)) {
    let honest = sentence;
    for (const clause of DURATION_CLAUSES) if (statesUnknownDuration(honest, prompt)) honest = honest.replace(clause, "");
    if (!statesUnknownDuration(honest, prompt)) kept.push(honest);
  }
  return joinSentences(kept);
}

function joinSentences(sentences: readonly string[]): string {
  return sentences.reduce((text, sentence) => (text === "" || /[。！？”]$/u.test(text) ? text + sentence : `${text} ${sentence}`), "");
}

/** What can be said of an intent without knowing or doing anything. */
export function safeSentence(intent: Intent, language: Language): string {
  const topic = TOPICS[intent]?.[language];
  if (language === "zh") return topic ? `关于${topic}，请联系我们的客服团队，我无法代您操作。` : "这个问题请联系我们的客服团队。";
  return topic
    ? `I cannot do this for you. For help with ${topic}, please contact our support team.`
    : "Please contact our support team about this.";
}

/**
 * The reply with every claimed action rephrased as a draft or an instruction, and without spans of time the conversation does not state.
 * Never empty: when nothing honest is left, the intent's safe sentence stands in.
 */
export function honestWording(reply: string, messages: readonly ChatMessage[], intent: Intent, language: Language): string {
  let text = reply;
  for (const [pattern, replacement] of REWRITES) text = text.replace(pattern, replacement);
  text = dropUnknownDurations(text, messages.map((message) => message.content).join("\n"));
  const sentences = sentencesOf(text);
  const honest = sentences.filter((sentence) => !CLAIM_PATTERNS.some((pattern) => pattern.test(sentence)));
  // An apology alone helps nobody.
  const says = honest.some((sentence) => !/^(?:I am sorry|Sorry|I understand|Of course|很抱歉|抱歉|好的)[^,，]*[.。]$/iu.test(sentence));
  return says ? joinSentences(honest) : safeSentence(intent, language);
}
