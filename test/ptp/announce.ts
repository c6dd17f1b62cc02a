/** An Announce for tests: ptp4l's own, captured (WIRE §2.12), with what a test wants otherwise. */
import type { AnnounceContent } from '../../src/ptp/dataset.ts';

export const announce = (over: Partial<AnnounceContent> = {}): AnnounceContent => ({
  sourcePortIdentity: { clockIdentity: 'da9721.fffe.b7c4d9', portNumber: 1 },
  alternateMasterFlag: false,
  grandmasterPriority1: 10,
  grandmasterClockQuality: {
    clockClass: 248,
    clockAccuracy: 0xfe,
    offsetScaledLogVariance: 0xffff,
  },
  grandmasterPriority2: 128,
  grandmasterIdentity: 'da9721.fffe.b7c4d9',
  stepsRemoved: 0,
  currentUtcOffset: 37,
  currentUtcOffsetValid: false,
  leap59: false,
  leap61: false,
  timeTraceable: false,
  frequencyTraceable: false,
  ptpTimescale: false,
  synchronizationUncertain: false,
  timeSource: 0xa0,
  ...over,
});
