/** Measurement noise of the twin: what the delay excess says, learnt from residuals. */
import { type Path, towards } from './paths.ts';

const LEAST_PRIOR = 1e-18; // s²
const MEMORY = 256;
const MOST_DIVISOR = 60;
const LEAST_DIVISOR = 4;
const OUTLYING = 16;
const COARSE_S = 1e-3;
export const GATE = 12;

/** How far the least delay may lie above the true floor, s. */
function floorDoubt(path: Path, counted: number): number {
  const n = counted + 1;
  return (0.7 * path.excessS) / Math.sqrt(Math.min(n, 1024)) + path.floorS / n ** 1.5;
}

export function measurementVariance(path: Path, excess: number): number {
  const wide = excess + floorDoubt(path, path.counted);
  return path.noise + (wide * wide) / path.divisor;
}

/** Noise of a path at its first measurement, or after its route changed. */
export function startNoise(path: Path): void {
  path.noise = (0.002 * path.floorS) ** 2 + LEAST_PRIOR;
}

export interface Innovation {
  readonly excess: number;
  /** measurement − θ − b */
  readonly plain: number;
  /** … − slope · excess */
  readonly residual: number;
  /** measurement − θ − slope · excess */
  readonly deviation: number;
  /** Variance of the prediction. */
  readonly known: number;
  readonly total: number;
}

/** @param young while θ itself may be wrong, noise is what scatters about the path's own mean */
export function learnNoise(path: Path, innovation: Innovation, young: boolean): void {
  const { excess, total } = innovation;
  path.counted++;
  const share = 1 / Math.min(path.counted + 4, MEMORY);
  const { own, sure } = young ? aboutMean(path, innovation) : aboutPrediction(innovation);
  const random = Math.min(own * own, 2 * GATE * total) - sure;
  const outlying = excess > OUTLYING * path.excessS;
  const noise = path.noise;
  const queue = (excess + floorDoubt(path, path.counted)) ** 2 / path.divisor;
  if (excess <= path.excessS) {
    const least = 1e-2 * LEAST_PRIOR + 1e-4 * path.excessS ** 2;
    const most = (path.floorS + path.excessS + COARSE_S) ** 2;
    path.noise = Math.max(Math.min(towards(noise, random - queue, share), most), least);
  } else if (!outlying) {
    path.lateSquares = towards(path.lateSquares, excess * excess, share);
    path.lateResiduals = towards(path.lateResiduals, Math.max(random - noise, 0), share);
    if (path.counted > 32) {
      const least = path.lateSquares / MOST_DIVISOR;
      path.divisor = Math.max(
        path.lateSquares / Math.max(path.lateResiduals, least),
        LEAST_DIVISOR,
      );
    }
  }
  if (!outlying) learnSlope(path, innovation, share);
  path.given = towards(path.given, path.noise + queue, share);
}

const aboutPrediction = ({ residual, known }: Innovation) => ({ own: residual, sure: known });

const aboutMean = ({ information, mean }: Path, { deviation, total }: Innovation) =>
  information > 0 ? { own: deviation - mean, sure: 1 / information } : { own: 0, sure: total };

/** Regression of the residual on the excess, less two standard errors. */
function learnSlope(path: Path, { excess, plain, total }: Innovation, share: number): void {
  const clip = 4 * Math.sqrt(total);
  const residual = Math.max(Math.min(plain, clip), -clip);
  path.squares = towards(path.squares, excess * excess, share);
  path.product = towards(path.product, residual * excess, share);
  path.meanResidual = towards(path.meanResidual, residual, share);
  path.meanExcess = towards(path.meanExcess, excess, share);
  const spread = path.squares - path.meanExcess ** 2;
  if (path.counted <= 16 || !(spread > 0)) return;
  const raw = (path.product - path.meanResidual * path.meanExcess) / spread;
  const doubt = 2 / Math.sqrt(Math.min(path.counted, MEMORY));
  path.slope = Math.sign(raw) * Math.min(Math.max(Math.abs(raw) - doubt, 0), 0.5);
}
