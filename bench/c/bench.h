/* What the C side of the bench shares: the core's records (assembly/memory.ts) and the three jobs. */
#ifndef CLOCKBRAID_BENCH_H
#define CLOCKBRAID_BENCH_H

#include <stddef.h>
#include <stdint.h>

enum { KIND_UNIX = 0, KIND_NTP = 1 };
enum { STATUS_USED = 0, STATUS_ORDER = 3, STATUS_HOLD = 4, ERROR_KIND = -2 };

/* RECORD_*: local stamps Unix ns, remote stamps 2^-32 s (KIND_NTP) or Unix ns. */
struct record {
  uint32_t path, kind;
  int64_t local_send;
  uint64_t remote_receive, remote_send;
  int64_t local_receive;
};

/* MEASURED_* */
struct measured {
  double status, offset_s, delay_s;
};

/* INTERVAL_* */
struct interval {
  double offset_s, half_s;
};

/* SELECTED_* */
struct selected {
  double found, low_s, high_s, members;
};

/* One step of the joint filter: both one-way updates of a path. */
struct step {
  double path, dt_s, reverse_s, forward_s, variance;
};

enum { MOST_INTERVALS = 256, MOST_COLUMNS = 256 };

/* exchange.ts: integer division as C has it … and without, as the core does it. */
void measure_divided(const struct record *records, struct measured *rows, size_t count, int64_t base_s);
void measure_rounded(const struct record *records, struct measured *rows, size_t count, int64_t base_s);

/* intersect.ts */
void select_batch(const struct interval *intervals, struct selected *rows, size_t sets, size_t count);

/* joint.ts: starts `paths` columns, then takes steps. */
void start_joint(size_t paths);
void take_steps(const struct step *steps, size_t count);
/* theta, omega, p00, p01, p11, then each column's number; returns how many. */
size_t joint_state(double *to, size_t paths);

#endif
