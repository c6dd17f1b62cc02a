/* assembly/joint.ts in C: offset, frequency and one number per path with their full covariance. */
#include "bench.h"
#include <math.h>
#include <string.h>

#define LEAST_OFFSET_VARIANCE 1.0e-24
#define LEAST_FREQUENCY_VARIANCE 1.0e-30
#define START_FREQUENCY_VARIANCE 1.0e-8
#define PRIOR_S 1.0e-3
#define WANDER 1.0e-18

/* a cache line between rows, as in the core */
enum { ROW = MOST_COLUMNS + 8 };

static double theta, omega, p00, p01, p11, gain0, gain1;
static double bias[MOST_COLUMNS], cross_offset[MOST_COLUMNS], cross_frequency[MOST_COLUMNS];
static double column[MOST_COLUMNS], covariance[MOST_COLUMNS * ROW];
static size_t width;

void start_joint(size_t paths) {
  memset(bias, 0, sizeof bias);
  memset(cross_offset, 0, sizeof cross_offset);
  memset(cross_frequency, 0, sizeof cross_frequency);
  memset(covariance, 0, sizeof covariance);
  theta = omega = p01 = 0;
  p00 = PRIOR_S * PRIOR_S;
  p11 = START_FREQUENCY_VARIANCE;
  width = paths;
  for (size_t i = 0; i < paths; i++) covariance[i * ROW + i] = PRIOR_S * PRIOR_S;
}

static void predict(double dt, double q) {
  theta += omega * dt;
  p00 += dt * (2.0 * p01 + dt * p11) + (q * dt * dt * dt) / 3.0;
  p01 += dt * p11 + q * dt * dt * 0.5;
  p11 += q * dt;
  for (size_t j = 0; j < width; j++) cross_offset[j] += dt * cross_frequency[j];
}

static double along(size_t i, double sign) {
  const double *line = covariance + i * ROW;
  gain0 = sign * p00 + cross_offset[i];
  gain1 = sign * p01 + cross_frequency[i];
  for (size_t j = 0; j < width; j++) column[j] = cross_offset[j] * sign + line[j];
  return sign * gain0 + column[i];
}

static double most(double a, double b) { return a > b ? a : b; }

static void move_along(double step, double shrink) {
  theta += gain0 * step;
  omega += gain1 * step;
  const double g0 = gain0 * shrink, g1 = gain1 * shrink;
  p00 = most(p00 - g0 * gain0, LEAST_OFFSET_VARIANCE);
  p01 -= g0 * gain1;
  p11 = most(p11 - g1 * gain1, LEAST_FREQUENCY_VARIANCE);
  for (size_t j = 0; j < width; j++) {
    bias[j] += column[j] * step;
    cross_offset[j] -= column[j] * g0;
    cross_frequency[j] -= column[j] * g1;
  }
  for (size_t a = 0; a < width; a++) {
    const double gain = column[a] * shrink;
    double *line = covariance + a * ROW;
    for (size_t j = 0; j < width; j++) line[j] -= column[j] * gain;
  }
  for (size_t a = 0; a < width; a++) {
    double *cell = covariance + a * ROW + a;
    *cell = most(*cell, LEAST_OFFSET_VARIANCE);
  }
}

static void update(size_t i, double sign, double span, double variance) {
  const double total = along(i, sign) + variance;
  move_along((span - sign * theta - bias[i]) / total, 1.0 / total);
}

void take_steps(const struct step *steps, size_t count) {
  for (size_t k = 0; k < count; k++) {
    const size_t i = (size_t)steps[k].path;
    predict(steps[k].dt_s, WANDER);
    update(i, 1.0, steps[k].reverse_s, steps[k].variance);
    update(i, -1.0, steps[k].forward_s, steps[k].variance);
  }
}

size_t joint_state(double *to, size_t paths) {
  const double head[] = {theta, omega, p00, p01, p11};
  memcpy(to, head, sizeof head);
  memcpy(to + 5, bias, paths * sizeof *to);
  return 5 + paths;
}
