/** Figures for people: chronyc's habit of four characters and a unit. */

const UNITS: readonly (readonly [number, string])[] = [
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'us'],
  [1e-9, 'ns'],
];

/** `1.23ms`, `-456us`, `12.0s`; with `signed`, a plus sign too. Three digits. */
export function formatSeconds(s: number, signed = false): string {
  if (!Number.isFinite(s)) return '-';
  const size = Math.abs(s);
  const [scale, unit] = UNITS.find(([least]) => size >= least * 0.9995) ?? [1e-9, 'ns'];
  const value = size / scale;
  const text =
    value >= 1e6
      ? value.toExponential(2)
      : value >= 99.95
        ? value.toFixed(0)
        : value >= 9.995
          ? value.toFixed(1)
          : value.toFixed(2);
  const sign = s < 0 ? '-' : signed ? '+' : '';
  return `${sign}${text}${unit}`;
}

/** Frequency as ppm, three decimals, signed. */
export function formatPpm(frequency: number): string {
  const ppm = frequency * 1e6;
  return `${ppm < 0 ? '-' : '+'}${Math.abs(ppm).toFixed(3)}ppm`;
}
