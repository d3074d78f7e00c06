/** ISO 3166-1 alpha-2, all officially assigned codes, lower case. */
const isoCountries =
  "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz " +
  "ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr " +
  "ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp " +
  "ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz " +
  "na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw " +
  "sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz " +
  "ua ug um us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";

/** Kosovo: user-assigned in ISO 3166-1, and what Cloudflare and the EU institutions report. */
const userAssigned = "xk";

const eu = "at be bg cy cz de dk ee es fi fr gr hr hu ie it lt lu lv mt nl pl pt ro se si sk";
const eeaOnly = "is li no";

export const countries: ReadonlySet<string> = new Set(`${isoCountries} ${userAssigned}`.split(" "));

/**
 * The one table of groups. `eu` is the member states under their own codes: overseas regions that have a code of their own (`re`, `gp`,
 * `ax`, …) are named apart, so that a group never admits more than the reader expects. The United Kingdom and Switzerland are in neither.
 */
export const countryGroups: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["eu", new Set(eu.split(" "))],
  ["eea", new Set(`${eu} ${eeaOnly}`.split(" "))],
  ["*", countries],
]);

/** What people write for what ISO calls otherwise. */
const aliases: ReadonlyMap<string, string> = new Map([["uk", "gb"]]);

/** The code in lower case with aliases resolved, or undefined when it is neither a country nor a group (`t1`, `xx`, typing errors). */
export function readCode(text: string): string | undefined {
  const lower = text.trim().toLowerCase();
  const code = aliases.get(lower) ?? lower;
  return countries.has(code) || countryGroups.has(code) ? code : undefined;
}

/**
 * The country of a connection as the network reports it, or undefined for unknown: absent, Tor (`T1`), `XX`, and anything that is not a
 * country. A connection is never in a group.
 */
export function readCountry(text: string | undefined): string | undefined {
  const code = text === undefined ? undefined : readCode(text);
  return code !== undefined && countries.has(code) ? code : undefined;
}

/** The countries a code stands for. */
export function membersOf(code: string): ReadonlySet<string> {
  return countryGroups.get(code) ?? new Set(countries.has(code) ? [code] : []);
}
