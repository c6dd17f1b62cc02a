/**
 * The table of what a master has granted: rows per {own address, peer address}, portIdentity and
 * type (PTP-S16, PTP-D14). Plain data; who gets a row is for grantor.ts to say.
 */
import type { PathKey } from '../path.ts';
import { NS_PER_S, type Tick, tick } from '../units.ts';
import { addLoad, book, createLedger, type Ledger, type Load, NO_LOAD } from './caps.ts';
import { type PortIdentity, samePort } from './identity.ts';
import { type Ends, keyOf, NEGOTIABLE, type Negotiable } from './negotiation.ts';

/** One running grant. Renewals change it in place. */
export interface Grant {
  readonly localIp: string;
  /** Address of the peer. */
  readonly remote: string;
  /** Who asked. */
  readonly targetPort: PortIdentity;
  readonly messageType: Negotiable;
  /** (log2 s) */
  logInterval: number;
  durationS: number;
  startedNs: Tick;
  /** The first instant without it. */
  untilNs: Tick;
  load: Load;
}

/** Who asked over one path under one portIdentity, and got something. */
export interface Client extends Ends {
  readonly port: PortIdentity;
  /** Has come back to renew a grant: more than one forged packet stands behind it. */
  isKnown: boolean;
  grants: Grant[];
  /** Answers it may still have. */
  readonly bucket: Bucket;
}

/** Tokens and when they were counted. */
export interface Bucket {
  tokens: number;
  countedNs: Tick;
}

export interface GrantTable {
  readonly clients: Map<PathKey, Client[]>;
  readonly ledger: Ledger;
  /** Counts up when a grant begins, ends or changes its interval; not when one is renewed. */
  version: number;
  /** No grant ends before; null if there is none. */
  firstEndNs: Tick | null;
  /** No sweep before. */
  restUntilNs: Tick;
}

/**
 * Identities at one address. One is the rule; a clock that starts anew under another one gets its
 * grants while those of the old one run out.
 */
export const MOST_IDENTITIES = 2;
/** Ended grants are cleared away this often at most: a flood must not make us sweep all day. */
const SWEEP_SPAN_NS = 0.25 * NS_PER_S;
/** Nor may many that end together keep a Sync waiting: so many clients at once, and then a pause. */
const SWEEP_CLIENTS = 256;
const SWEEP_PAUSE_NS = 0.01 * NS_PER_S;

export const createGrantTable = (): GrantTable => ({
  clients: new Map(),
  ledger: createLedger(),
  version: 0,
  firstEndNs: null,
  restUntilNs: tick(0),
});

export const clientsAt = (table: GrantTable, ends: Ends): readonly Client[] =>
  table.clients.get(keyOf(ends)) ?? [];

export const clientOf = (table: GrantTable, ends: Ends, port: PortIdentity): Client | undefined =>
  clientsAt(table, ends).find((client) => samePort(client.port, port));

export const grantOf = (client: Client, type: Negotiable): Grant | undefined =>
  client.grants.find(({ messageType }) => messageType === type);

export const loadOfClient = (client: Client): Load =>
  client.grants.reduce((sum, { load }) => addLoad(sum, load), NO_LOAD);

/** Takes a client in. */
export function admit(table: GrantTable, client: Client): void {
  const key = keyOf(client);
  const others = table.clients.get(key);
  if (others === undefined) table.clients.set(key, [client]);
  else others.push(client);
}

/** The terms of a grant. */
export interface Terms {
  readonly type: Negotiable;
  readonly logInterval: number;
  readonly durationS: number;
  readonly load: Load;
}

/** Gives a client a grant, or new terms to one it has. */
export function give(table: GrantTable, client: Client, terms: Terms, nowNs: Tick): void {
  const { type, logInterval, durationS, load } = terms;
  const untilNs = tick(nowNs + durationS * NS_PER_S);
  let grant = grantOf(client, type);
  if (grant === undefined) {
    const { localIp, remoteIp: remote, port: targetPort } = client;
    const times = { startedNs: nowNs, untilNs };
    grant = {
      localIp,
      remote,
      targetPort,
      messageType: type,
      logInterval,
      durationS,
      load,
      ...times,
    };
    client.grants.push(grant);
    table.version++;
  } else {
    book(table.ledger, client.remoteIp, grant.load, !client.isKnown, -1);
    if (grant.logInterval !== logInterval) table.version++;
    Object.assign(grant, { logInterval, durationS, startedNs: nowNs, untilNs, load });
  }
  book(table.ledger, client.remoteIp, load, !client.isKnown);
  if (table.firstEndNs === null || untilNs < table.firstEndNs) table.firstEndNs = untilNs;
}

/** Counts a client among those who came back. */
export function makeKnown(table: GrantTable, client: Client): void {
  table.ledger.newcomers = addLoad(table.ledger.newcomers, loadOfClient(client), -1);
  client.isKnown = true;
}

/** Ends grants of a client, all of them if no type is named; forgets it with the last. */
export function end(table: GrantTable, client: Client, type?: Negotiable): boolean {
  return endWhere(table, client, ({ messageType }) => type === undefined || messageType === type);
}

function endWhere(table: GrantTable, client: Client, isOver: (grant: Grant) => boolean): boolean {
  const over = client.grants.filter(isOver);
  if (over.length === 0) return false;
  for (const { load } of over) book(table.ledger, client.remoteIp, load, !client.isKnown, -1);
  client.grants = client.grants.filter((grant) => !over.includes(grant));
  if (client.grants.length === 0) {
    const key = keyOf(client);
    const others = clientsAt(table, client).filter((other) => other !== client);
    if (others.length === 0) table.clients.delete(key);
    else table.clients.set(key, others);
    if (table.clients.size === 0) table.firstEndNs = null;
  }
  table.version++;
  return true;
}

/** Clears away what has ended, if it is time to; see {@link nextSweep}. */
export function sweep(table: GrantTable, nowNs: Tick): void {
  const dueNs = nextSweep(table);
  if (dueNs === null || nowNs < dueNs) return;
  const isOver = ({ untilNs }: Grant): boolean => untilNs <= nowNs;
  let firstEndNs = Number.POSITIVE_INFINITY;
  let ended = 0;
  table.restUntilNs = tick(nowNs + SWEEP_SPAN_NS);
  for (const clients of table.clients.values()) {
    for (const client of clients) {
      if (client.grants.some(isOver)) {
        endWhere(table, client, isOver);
        ended++;
      }
      for (const { untilNs } of client.grants) firstEndNs = Math.min(firstEndNs, untilNs);
    }
    if (ended >= SWEEP_CLIENTS) {
      table.restUntilNs = tick(nowNs + SWEEP_PAUSE_NS);
      return; // firstEndNs stays: it is past, and so is due
    }
  }
  table.firstEndNs = firstEndNs === Number.POSITIVE_INFINITY ? null : tick(firstEndNs);
}

/** When {@link sweep} has something to do, or null. */
export const nextSweep = ({ firstEndNs, restUntilNs }: GrantTable): Tick | null =>
  firstEndNs === null ? null : tick(Math.max(firstEndNs, restUntilNs));

/**
 * What is to be sent, one stream per path and type: where two identities share an address, the
 * quicker of their grants. The records are the table's own; they change with renewals.
 */
export function running(table: GrantTable, nowNs: Tick): Readonly<Grant>[] {
  const found: Grant[] = [];
  for (const clients of table.clients.values()) {
    const [only] = clients;
    if (only !== undefined && clients.length === 1) {
      for (const grant of only.grants) if (nowNs < grant.untilNs) found.push(grant);
      continue;
    }
    const all = clients.flatMap(({ grants }) => grants).filter(({ untilNs }) => nowNs < untilNs);
    for (const type of NEGOTIABLE) {
      const [best, ...rest] = all.filter(({ messageType }) => messageType === type);
      if (best !== undefined) found.push(rest.reduce(quicker, best));
    }
  }
  return found;
}

const quicker = (a: Grant, b: Grant): Grant =>
  b.logInterval < a.logInterval || (b.logInterval === a.logInterval && b.untilNs > a.untilNs)
    ? b
    : a;

/** Takes a token, if there is one. */
export function takeToken(bucket: Bucket, perS: number, burst: number, nowNs: Tick): boolean {
  const gained = ((nowNs - bucket.countedNs) / NS_PER_S) * perS;
  bucket.tokens = Math.min(burst, bucket.tokens + Math.max(gained, 0));
  bucket.countedNs = nowNs;
  if (bucket.tokens < 1) return false;
  bucket.tokens--;
  return true;
}
