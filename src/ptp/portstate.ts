/**
 * The port state machine as a table: IEEE 1588-2008 §9.2.5, fig. 23 (any clock) and fig. 24
 * (slave-only clocks), as linuxptp reads them. No port changes its state in another way.
 *
 * linuxptp's GRAND_MASTER is MASTER here, as on the wire: M1 and M2 wait for nothing (§9.2.6.10).
 */

/** As ptp4l and pmc print them. */
export type PortState =
  | 'INITIALIZING'
  | 'FAULTY'
  | 'DISABLED'
  | 'LISTENING'
  | 'PRE_MASTER'
  | 'MASTER'
  | 'PASSIVE'
  | 'UNCALIBRATED'
  | 'SLAVE';

/** The numbers of management messages (§8.2.5.3.1). */
export const PORT_STATE_CODE: Readonly<Record<PortState, number>> = {
  INITIALIZING: 1,
  FAULTY: 2,
  DISABLED: 3,
  LISTENING: 4,
  PRE_MASTER: 5,
  MASTER: 6,
  PASSIVE: 7,
  UNCALIBRATED: 8,
  SLAVE: 9,
};

export type PortEvent =
  /** Power-up, or an order to begin anew. */
  | 'initialize'
  | 'initialized'
  | 'designated-enabled'
  | 'designated-disabled'
  | 'fault-detected'
  | 'fault-cleared'
  /** The wait of PRE_MASTER is over. */
  | 'qualification-timeout'
  /** announceReceiptTimeout intervals without an Announce of the port's master. */
  | 'announce-receipt-timeout'
  /** The clock lost its lock on the master. */
  | 'synchronization-fault'
  /** The clock is locked. */
  | 'master-clock-selected'
  /** State decision M1 or M2. */
  | 'recommended-grandmaster'
  /** State decision M3. */
  | 'recommended-master'
  /** State decision S1, the parent is the one before. */
  | 'recommended-slave'
  /** State decision S1, the parent is a new one. */
  | 'recommended-slave-new'
  /** State decision P1 or P2. */
  | 'recommended-passive';

/** What each state does with each event; what is not listed cannot happen there. */
export type PortTable = Readonly<
  Record<PortState, Readonly<Partial<Record<PortEvent, PortState>>>>
>;

const INITIALIZE = { initialize: 'INITIALIZING' } as const;

/** What holds in every state of a port in service. */
const IN_SERVICE = {
  ...INITIALIZE,
  'designated-disabled': 'DISABLED',
  'fault-detected': 'FAULTY',
} as const;

const OUT_OF_SERVICE = {
  INITIALIZING: { ...IN_SERVICE, initialized: 'LISTENING' },
  FAULTY: {
    ...IN_SERVICE,
    'fault-cleared': 'INITIALIZING',
  },
  DISABLED: {
    ...INITIALIZE,
    'designated-enabled': 'INITIALIZING',
    'designated-disabled': 'DISABLED',
  },
} as const;

const RECOMMENDED = {
  'recommended-grandmaster': 'MASTER',
  'recommended-master': 'PRE_MASTER',
  'recommended-slave': 'UNCALIBRATED',
  'recommended-slave-new': 'UNCALIBRATED',
  'recommended-passive': 'PASSIVE',
} as const;

/** Ordinary and boundary clocks. */
export const PORT_TABLE: PortTable = {
  ...OUT_OF_SERVICE,
  LISTENING: { ...IN_SERVICE, ...RECOMMENDED, 'announce-receipt-timeout': 'MASTER' },
  PRE_MASTER: {
    ...IN_SERVICE,
    ...RECOMMENDED,
    'qualification-timeout': 'MASTER',
    'recommended-grandmaster': 'PRE_MASTER', // the wait that began goes on
  },
  MASTER: { ...IN_SERVICE, ...RECOMMENDED, 'recommended-master': 'MASTER' },
  PASSIVE: { ...IN_SERVICE, ...RECOMMENDED, 'announce-receipt-timeout': 'MASTER' },
  UNCALIBRATED: {
    ...IN_SERVICE,
    ...RECOMMENDED,
    'announce-receipt-timeout': 'MASTER',
    'master-clock-selected': 'SLAVE',
    'synchronization-fault': 'UNCALIBRATED',
  },
  SLAVE: {
    ...IN_SERVICE,
    ...RECOMMENDED,
    'announce-receipt-timeout': 'MASTER',
    'master-clock-selected': 'SLAVE',
    'synchronization-fault': 'UNCALIBRATED',
    'recommended-slave': 'SLAVE',
  },
};

/** Whatever would make a slave-only clock a master or passive makes it listen. */
const LISTEN = {
  'announce-receipt-timeout': 'LISTENING',
  'recommended-grandmaster': 'LISTENING',
  'recommended-master': 'LISTENING',
  'recommended-passive': 'LISTENING',
  'recommended-slave': 'UNCALIBRATED',
  'recommended-slave-new': 'UNCALIBRATED',
} as const;

/** Slave-only clocks; the states of masters are never reached, and left by `initialize` only. */
export const SLAVE_ONLY_TABLE: PortTable = {
  ...OUT_OF_SERVICE,
  LISTENING: { ...IN_SERVICE, ...LISTEN },
  PRE_MASTER: INITIALIZE,
  MASTER: INITIALIZE,
  PASSIVE: INITIALIZE,
  UNCALIBRATED: {
    ...IN_SERVICE,
    ...LISTEN,
    'master-clock-selected': 'SLAVE',
    'synchronization-fault': 'UNCALIBRATED',
  },
  SLAVE: {
    ...IN_SERVICE,
    ...LISTEN,
    'master-clock-selected': 'SLAVE',
    'synchronization-fault': 'UNCALIBRATED',
    'recommended-slave': 'SLAVE',
  },
};

/** Clocks that may not be master now: they may follow, else they listen (Enterprise §8). */
export const GATED_TABLE: PortTable = {
  ...SLAVE_ONLY_TABLE,
  PRE_MASTER: { ...IN_SERVICE, ...LISTEN },
  MASTER: { ...IN_SERVICE, ...LISTEN },
  PASSIVE: { ...IN_SERVICE, ...LISTEN },
};

/**
 * The state after an event.
 * @returns null if the event cannot happen in this state, which then stays
 */
export const nextPortState = (
  table: PortTable,
  state: PortState,
  event: PortEvent,
): PortState | null => table[state][event] ?? null;

/** What a state decision (bmca.ts) means to the port. */
export function eventOfDecision(
  decision: 'M1' | 'M2' | 'M3' | 'P1' | 'P2' | 'S1',
  isNewParent: boolean,
): PortEvent {
  if (decision === 'S1') return isNewParent ? 'recommended-slave-new' : 'recommended-slave';
  if (decision === 'P1' || decision === 'P2') return 'recommended-passive';
  return decision === 'M3' ? 'recommended-master' : 'recommended-grandmaster';
}

/**
 * How long PRE_MASTER waits so that better masters further up can be heard first (§9.2.6.10).
 * @returns announce intervals
 */
export const qualificationIntervals = (
  decision: 'M1' | 'M2' | 'M3',
  stepsRemoved: number,
): number => (decision === 'M3' ? stepsRemoved + 1 : 0);
