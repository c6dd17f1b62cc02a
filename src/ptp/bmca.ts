/**
 * Best master clock algorithm: data set comparison (IEEE 1588-2008 §9.3.4, fig. 27 and 28) and
 * state decision (§9.3.3, fig. 26). Judges what it is given: foreign.ts says who qualifies.
 */
import type { AnnounceContent, DefaultDS } from './dataset.ts';
import { compareClockIdentity, comparePortIdentity, type PortIdentity } from './identity.ts';
import type { PortState } from './portstate.ts';

/** What of a clock takes part in the comparison (§9.3.4 table 12). */
export interface Dataset {
  readonly priority1: number;
  readonly clockClass: number;
  readonly clockAccuracy: number;
  readonly offsetScaledLogVariance: number;
  readonly priority2: number;
  /** grandmasterIdentity, canonical text. */
  readonly identity: string;
  /** As received. */
  readonly stepsRemoved: number;
  /** Who sent the Announce. */
  readonly sender: PortIdentity;
  /** Own port that received it. */
  readonly receiver: PortIdentity;
}

/**
 * Outcome of a comparison. Better by topology: both lead to the same grandmaster and this is the
 * nearer way. error-1: a message came back to the port that sent it. error-2: twice the same.
 */
export type Comparison =
  | 'a-better'
  | 'a-better-by-topology'
  | 'b-better'
  | 'b-better-by-topology'
  | 'error-1'
  | 'error-2';

/** The data set of an Announce heard on `receiver`. */
export const datasetOfAnnounce = (announce: AnnounceContent, receiver: PortIdentity): Dataset => ({
  priority1: announce.grandmasterPriority1,
  clockClass: announce.grandmasterClockQuality.clockClass,
  clockAccuracy: announce.grandmasterClockQuality.clockAccuracy,
  offsetScaledLogVariance: announce.grandmasterClockQuality.offsetScaledLogVariance,
  priority2: announce.grandmasterPriority2,
  identity: announce.grandmasterIdentity,
  stepsRemoved: announce.stepsRemoved,
  sender: announce.sourcePortIdentity,
  receiver,
});

/** D0, the data set of the clock itself. */
export function datasetOfClock(own: DefaultDS): Dataset {
  const self: PortIdentity = { clockIdentity: own.clockIdentity, portNumber: 0 };
  return {
    priority1: own.priority1,
    clockClass: own.clockQuality.clockClass,
    clockAccuracy: own.clockQuality.clockAccuracy,
    offsetScaledLogVariance: own.clockQuality.offsetScaledLogVariance,
    priority2: own.priority2,
    identity: own.clockIdentity,
    stepsRemoved: 0,
    sender: self,
    receiver: self,
  };
}

/** Which of two data sets is better. Whole port identities are compared, as linuxptp does. */
export function compareDatasets(a: Dataset, b: Dataset): Comparison {
  if (a.identity === b.identity) return compareTopology(a, b);
  for (const field of BEFORE_IDENTITY) {
    if (a[field] !== b[field]) return a[field] < b[field] ? 'a-better' : 'b-better';
  }
  return compareClockIdentity(a.identity, b.identity) < 0 ? 'a-better' : 'b-better';
}

/** Fig. 27 top down; the lower value is the better one. */
const BEFORE_IDENTITY = [
  'priority1',
  'clockClass',
  'clockAccuracy',
  'offsetScaledLogVariance',
  'priority2',
] as const;

/** Fig. 28: the same grandmaster over two ways. */
function compareTopology(a: Dataset, b: Dataset): Comparison {
  const steps = a.stepsRemoved - b.stepsRemoved;
  if (steps > 1) return 'b-better';
  if (steps < -1) return 'a-better';
  if (steps !== 0) {
    const farther = steps > 0 ? a : b;
    const nearer = steps > 0 ? 'b' : 'a';
    const order = comparePortIdentity(farther.receiver, farther.sender);
    if (order === 0) return 'error-1';
    return order < 0 ? `${nearer}-better` : `${nearer}-better-by-topology`;
  }
  const order =
    comparePortIdentity(a.sender, b.sender) || a.receiver.portNumber - b.receiver.portNumber;
  if (order === 0) return 'error-2';
  return order < 0 ? 'a-better-by-topology' : 'b-better-by-topology';
}

/** True if a is better, by topology or not. */
export const isBetter = (a: Dataset, b: Dataset): boolean => {
  const outcome = compareDatasets(a, b);
  return outcome === 'a-better' || outcome === 'a-better-by-topology';
};

/** Position of the best of some data sets, the first among equals; −1 if there is none. */
export function bestIndex(sets: readonly (Dataset | null)[]): number {
  let best: Dataset | null = null;
  let at = -1;
  sets.forEach((set, index) => {
    if (set === null || (best !== null && !isBetter(set, best))) return;
    best = set;
    at = index;
  });
  return at;
}

/** §9.3.3: M1, M2 grandmaster; M3 master below a boundary clock; P1, P2 passive; S1 slave. */
export type Decision = 'M1' | 'M2' | 'M3' | 'P1' | 'P2' | 'S1';

/** One port as the state decision sees it. */
export interface Candidate {
  readonly state: PortState;
  /** Erbest: the best qualified foreign master of this port. */
  readonly best: Dataset | null;
}

/** Clocks of a class up to this one are never slaves (§7.6.2.4). */
const LAST_NEVER_SLAVE_CLASS = 127;

const OUT_OF_SERVICE: readonly PortState[] = ['INITIALIZING', 'FAULTY', 'DISABLED'];

/**
 * State decision of all ports of a clock (§9.3.3, fig. 26). Slave-only clocks need no rule
 * of their own: their port table makes LISTENING of every M and P.
 * @param own D0
 * @returns position of the port that heard Ebest, or −1; and per port its decision, or null: stay
 */
export function decideStates(
  own: Dataset,
  ports: readonly Candidate[],
): { readonly bestPort: number; readonly decisions: (Decision | null)[] } {
  const inService = ports.map(({ state, best }) => (OUT_OF_SERVICE.includes(state) ? null : best));
  const bestPort = bestIndex(inService);
  const best = inService[bestPort] ?? null;
  const decisions = ports.map(({ state }, index): Decision | null => {
    if (OUT_OF_SERVICE.includes(state)) return null;
    const portBest = inService[index] ?? null;
    if (portBest === null && state === 'LISTENING') return null;
    if (own.clockClass <= LAST_NEVER_SLAVE_CLASS) {
      return portBest === null || isBetter(own, portBest) ? 'M1' : 'P1';
    }
    if (best === null || isBetter(own, best)) return 'M2';
    if (index === bestPort) return 'S1';
    const byTopology =
      portBest !== null && compareDatasets(best, portBest) === 'a-better-by-topology';
    return byTopology ? 'P2' : 'M3';
  });
  return { bestPort, decisions };
}
