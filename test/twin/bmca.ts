/**
 * Second reading of the BMCA tables, on purpose in another shape: one number for all that stands
 * before the grandmaster's identity, and tables of literals for the topology and the decision.
 */

export interface Side {
  readonly priority1: number;
  readonly clockClass: number;
  readonly clockAccuracy: number;
  readonly offsetScaledLogVariance: number;
  readonly priority2: number;
  /** Eight octets as hex digits with dots between. */
  readonly identity: string;
  readonly stepsRemoved: number;
  readonly sender: { readonly clockIdentity: string; readonly portNumber: number };
  readonly receiver: { readonly clockIdentity: string; readonly portNumber: number };
}

const idNumber = (text: string): bigint => BigInt(`0x${text.split('.').join('')}`);
const portNumberOf = (port: Side['sender']): bigint =>
  idNumber(port.clockIdentity) * 65536n + BigInt(port.portNumber);

/** priority1, class, accuracy, variance, priority2, identity in one 112-bit number. */
function merit(side: Side): bigint {
  let sum = BigInt(side.priority1);
  sum = sum * 256n + BigInt(side.clockClass);
  sum = sum * 256n + BigInt(side.clockAccuracy);
  sum = sum * 65536n + BigInt(side.offsetScaledLogVariance);
  sum = sum * 256n + BigInt(side.priority2);
  return sum * 2n ** 64n + idNumber(side.identity);
}

const sign = (difference: bigint): '<' | '=' | '>' =>
  difference < 0n ? '<' : difference > 0n ? '>' : '=';

/** Rows: A's steps − B's steps. Columns: the order of the pair that this row looks at. */
const TOPOLOGY = {
  '+1': { '<': 'b-better', '>': 'b-better-by-topology', '=': 'error-1' }, // receiver A : sender A
  '-1': { '<': 'a-better', '>': 'a-better-by-topology', '=': 'error-1' }, // receiver B : sender B
} as const;

const SAME_STEPS = {
  '<<': 'a-better-by-topology',
  '<=': 'a-better-by-topology',
  '<>': 'a-better-by-topology',
  '=<': 'a-better-by-topology',
  '==': 'error-2',
  '=>': 'b-better-by-topology',
  '><': 'b-better-by-topology',
  '>=': 'b-better-by-topology',
  '>>': 'b-better-by-topology',
} as const;

export function compareSides(a: Side, b: Side): string {
  if (idNumber(a.identity) !== idNumber(b.identity)) {
    return merit(a) < merit(b) ? 'a-better' : 'b-better';
  }
  switch (Math.max(-2, Math.min(2, a.stepsRemoved - b.stepsRemoved))) {
    case -2:
      return 'a-better';
    case 2:
      return 'b-better';
    case 1:
      return TOPOLOGY['+1'][sign(portNumberOf(a.receiver) - portNumberOf(a.sender))];
    case -1:
      return TOPOLOGY['-1'][sign(portNumberOf(b.receiver) - portNumberOf(b.sender))];
    default: {
      const senders = sign(portNumberOf(a.sender) - portNumberOf(b.sender));
      const ports = sign(BigInt(a.receiver.portNumber) - BigInt(b.receiver.portNumber));
      return SAME_STEPS[`${senders}${ports}`];
    }
  }
}

export interface TwinPort {
  readonly state: string;
  readonly best: Side | null;
}

/** How D0 stands to another: better (topology counts), or not; nobody there is worse. */
const beats = (own: Side, other: Side | null): 'yes' | 'no' =>
  other === null || compareSides(own, other).startsWith('a-') ? 'yes' : 'no';

/**
 * Columns: class up to 127?, D0 beats Erbest?, D0 beats Ebest?, Ebest came in here?, Ebest better
 * than Erbest by topology? A dash fits anything; the first line that fits is the answer.
 */
const DECISIONS = `
  yes yes -   -   -   M1
  yes no  -   -   -   P1
  no  -   yes -   -   M2
  no  -   no  yes -   S1
  no  -   no  no  yes P2
  no  -   no  no  no  M3
`
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/ +/));

/** The decision for one port of a clock, null where it stays. */
export function decidePort(own: Side, ports: readonly TwinPort[], at: number): string | null {
  const works = ({ state }: TwinPort) => !/^(INITIALIZING|FAULTY|DISABLED)$/.test(state);
  const port = ports[at];
  if (port === undefined || !works(port)) return null;
  if (port.best === null && port.state === 'LISTENING') return null;
  const heard = ports.filter((other) => works(other) && other.best !== null);
  const winner = heard.find(({ best }) =>
    heard.every((other) => {
      if (other.best === best || best === null || other.best === null) return true;
      return !compareSides(other.best, best).startsWith('a-');
    }),
  );
  const best = winner?.best ?? null;
  const yes = (condition: boolean) => (condition ? 'yes' : 'no');
  const row = [
    yes(own.clockClass <= 127),
    beats(own, port.best),
    beats(own, best),
    yes(winner === port),
    yes(
      best !== null &&
        port.best !== null &&
        compareSides(best, port.best) === 'a-better-by-topology',
    ),
  ];
  const line = DECISIONS.find((wanted) =>
    row.every((answer, column) => wanted[column] === '-' || wanted[column] === answer),
  );
  return line?.[5] ?? 'no line fits';
}
