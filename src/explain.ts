/** Turns the core's reason numbers into one sentence a person can act on. */
import type { PathReport } from './core.ts';
import { formatSeconds } from './format.ts';

/** Why a path is in the state it is in; '' if there is nothing to say. */
export function explainPath(report: PathReport): string {
  const figure = formatSeconds(Math.abs(report.reasonS));
  const signed = formatSeconds(report.reasonS, true);
  switch (report.reason) {
    case 1:
      return 'too few exchanges yet';
    case 2:
      return `queues: delay stays ${figure} above its floor`;
    case 3:
      return `offset is ${signed} away from the majority, so it is not trusted to be symmetric`;
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
      return 'paths disagree and no majority is left to tell who is right';
    case 10:
      return `no sample of the paths agrees within ${figure}: the middle third of all carries the clock`;
    case 11:
      return `only one direction is heard: no exchange for ${figure}`;
    default:
      return '';
  }
}
