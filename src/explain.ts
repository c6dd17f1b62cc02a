/** Turns the core's reason numbers into one sentence a person can act on. */
import type { Finding } from './coretold.ts';
import { formatSeconds } from './format.ts';

/** Why a path is in the state it is in, and since when; '' if there is nothing to say. */
export function explainPath(finding: Finding): string {
  const figure = formatSeconds(Math.abs(finding.reasonS));
  const signed = formatSeconds(finding.reasonS, true);
  const since = sinceText(finding.sinceS);
  switch (finding.reason) {
    case 1:
      return 'too few exchanges yet';
    case 2:
      return `queues: delay stays ${figure} above its floor${since}`;
    case 3:
      return `offset is ${signed} away from the majority${since}, so it is not trusted to be symmetric`;
    case 4:
      return `offset jumped by ${signed} while the other paths stayed: route change or attack`;
    case 5:
      return `silent for ${figure}`;
    case 6:
      return `its interval misses the majority's by ${figure} (falseticker)`;
    case 7:
      return `pruned: its offset spreads ${figure} from the other survivors`;
    case 8:
      return 'another path is better';
    case 9:
      return `paths disagree${since} and no majority is left to tell who is right`;
    case 10:
      return `no sample of the paths agrees within ${figure}: the middle third of all carries the clock`;
    case 11:
      return `offset shifts with its delay: ${shiftText(finding, signed)}${since}`;
    case 12:
      return `its stamps are impossible${since}: they contradict what all paths together allow`;
    case 13:
      return `paths disagree${since}, no majority and no clean history to go by: the clock is held over`;
    case 14:
      return `rerouted: delay moved by ${shiftText(finding, signed)}${since}`;
    case 15:
      return 'same route as another path, so it has no vote of its own';
    case 16:
      return `only one direction is heard: no exchange for ${figure}`;
    default:
      return '';
  }
}

/** `+9.80ms on the way back`: reverse is the way to the remote, forward the way back from it. */
function shiftText({ shiftReverseS, shiftForwardS }: Finding, otherwise: string): string {
  const parts = [[shiftReverseS, 'there'] as const, [shiftForwardS, 'back'] as const].flatMap(
    ([s, way]) => (s ? [`${formatSeconds(s, true)} on the way ${way}`] : []),
  );
  return parts.length === 0 ? otherwise : parts.join(', ');
}

/** ` since 12:03:10`, UTC of the local clock; '' if that is not known. */
const sinceText = (s: number): string => (s > 0 ? ` since ${clockText(s)}` : '');

/** hh:mm:ss of Unix seconds, UTC. */
export const clockText = (s: number): string => new Date(s * 1000).toISOString().slice(11, 19);
