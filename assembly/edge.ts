/**
 * One-sided measurements: z = μ + a + n with queueing a ~ Exp(mean L) and soft edge n ~ N(0, s²),
 * where μ itself is known as N(μ, V). Gives the exact first two moments of the posterior of μ, and
 * the expected a and n² that the learning of L and s needs (EM for the exponentially modified
 * Gaussian). Late packets barely move μ; only those near the edge speak.
 */

/** Posterior mean − prior mean of μ, s. */
export let edgeShift: f64 = 0;
/** Posterior variance of μ, s². */
export let edgeVariance: f64 = 0;
/** Expected queueing, s. */
export let edgeLate: f64 = 0;
/** Expected square of the soft-edge noise, s². */
export let edgeNoise2: f64 = 0;
/** 1 sigma of prior and soft edge together, s. */
export let edgeSigma: f64 = 0;

/** A single packet never makes μ more certain than this share of its variance. */
const LEAST_SHARE: f64 = 0.02;
/** Beyond so many sigmas the truncation is not felt any more. */
const FAR: f64 = 9.0;
const SQRT_HALF: f64 = 0.7071067811865476;
const SQRT_2_OVER_PI: f64 = 0.7978845608028654;

/**
 * @param r z − μ, s   @param v prior variance of μ, > 0 s²
 * @param late L > 0, s   @param noise2 s² > 0
 */
export function edge(r: f64, v: f64, late: f64, noise2: f64): void {
  const total = noise2 + v;
  const sd = sqrt<f64>(total);
  const t = (r - total / late) / sd;
  const nu = t > FAR ? 0.0 : hazard(t);
  const spread = 1.0 - nu * (nu + t); // (0, 1]
  edgeSigma = sd;
  edgeShift = v / late - (v / sd) * nu;
  edgeVariance = v * max<f64>(1.0 - (v / total) * nu * (nu + t), LEAST_SHARE);
  edgeLate = max<f64>(sd * (t + nu), 0.0);
  const share = noise2 / total;
  const noise = r - edgeLate;
  edgeNoise2 =
    share * share * (noise * noise + total * max<f64>(spread, 0.0)) + noise2 * (1.0 - share);
}

/** φ(t)/Φ(t), the inverse Mills ratio of the lower tail. */
function hazard(t: f64): f64 {
  if (t < -12.0) {
    const u = 1.0 / (t * t);
    return -t * (1.0 + u * (1.0 - 2.0 * u)); // −t − 1/t + 2/t³
  }
  if (t < 0.0) return SQRT_2_OVER_PI / scaledErfc(-t * SQRT_HALF);
  const density = Math.exp(-0.5 * t * t);
  return (0.5 * SQRT_2_OVER_PI * density) / (1.0 - 0.5 * scaledErfc(t * SQRT_HALF) * density);
}

/** exp(x²)·erfc(x) for x >= 0, relative error below 1.2e-7 (Chebyshev fit, Numerical Recipes §6.2). */
function scaledErfc(x: f64): f64 {
  const t = 1.0 / (1.0 + 0.5 * x);
  const inner =
    t *
    (1.00002368 +
      t *
        (0.37409196 +
          t *
            (0.09678418 +
              t *
                (-0.18628806 +
                  t *
                    (0.27886807 +
                      t *
                        (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  return t * Math.exp(-1.26551223 + inner);
}
