/*
 * The C side of `bench native`: reads jobs from a file, writes their results to another, and then
 * measures all of them once for each line on stdin, answering with one line of JSON.
 *   bench JOBS RESULTS
 */
#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MEASURE_DIVIDED, MEASURE_ROUNDED, SELECT, JOINT };
enum { MOST_JOBS = 32 };

/* As in bench/measure.ts: the median of so many chunks of so long counts. */
#define MEASURE_NS 20e6
#define CHUNK_NS 1e6
#define WARM_NS 60e6

struct job {
  size_t kind, a, b; /* records · sets, intervals of each · paths, steps */
  size_t blocks, block; /* passes take turns through the blocks of the input */
  const char *input;
  void *work; /* the block at work, copied as a caller of the core copies it */
  char *output;
  size_t input_bytes, output_bytes; /* of one block */
  double items;
  size_t times, chunks;
};

static struct job jobs[MOST_JOBS];
static size_t job_count;

static void fail(const char *what) {
  fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

static void run(struct job *job, size_t times) {
  for (size_t k = 0; k < times; k++) {
    const void *input = job->input;
    char *output = job->output + job->block * job->output_bytes;
    if (job->blocks > 1) {
      input = memcpy(job->work, job->input + job->block * job->input_bytes, job->input_bytes);
      job->block = (job->block + 1) % job->blocks;
    }
    switch (job->kind) {
      case MEASURE_DIVIDED: measure_divided(input, (void *)output, job->a, 0); break;
      case MEASURE_ROUNDED: measure_rounded(input, (void *)output, job->a, 0); break;
      case SELECT: select_batch(input, (void *)output, job->a, job->b); break;
      case JOINT: take_steps(input, job->b); break;
      default: fail("unknown job");
    }
    /* every pass counts, whatever the compiler knows of the one before */
    __asm__ volatile("" : : "r"(output) : "memory");
  }
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double timed(struct job *job, size_t times) {
  const double start = now_ns();
  run(job, times);
  return now_ns() - start;
}

static void calibrate(struct job *job) {
  job->times = 1;
  double took = timed(job, 1);
  for (double total = took; total < WARM_NS; total += took) {
    if (took < CHUNK_NS) job->times *= 2;
    took = timed(job, job->times);
  }
  const double chunk = took > CHUNK_NS ? took : CHUNK_NS;
  job->chunks = (size_t)(MEASURE_NS / chunk) + 1;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double measure(struct job *job) {
  double took[64];
  const size_t chunks = job->chunks < 64 ? job->chunks : 64;
  for (size_t k = 0; k < chunks; k++) took[k] = timed(job, job->times);
  qsort(took, chunks, sizeof *took, by_size);
  const double median = (took[(chunks - 1) / 2] + took[chunks / 2]) / 2;
  return median / ((double)job->times * job->items);
}

static void *room(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (memory == NULL) fail("no memory");
  return memory;
}

/* A job is five f64: kind, a, b, blocks and the bytes of its input; then the input. */
static void read_jobs(const char *path) {
  FILE *file = fopen(path, "rb");
  double head[5];
  if (file == NULL) fail("no such file of jobs");
  while (fread(head, sizeof *head, 5, file) == 5) {
    if (job_count == MOST_JOBS) fail("too many jobs");
    struct job *job = &jobs[job_count++];
    const size_t bytes = (size_t)head[4];
    char *input = room(bytes);
    *job = (struct job){.kind = (size_t)head[0], .a = (size_t)head[1], .b = (size_t)head[2]};
    if (fread(input, 1, bytes, file) != bytes) fail("a job is cut short");
    job->input = input;
    job->blocks = (size_t)head[3];
    job->input_bytes = bytes / job->blocks;
    job->work = room(job->input_bytes);
    switch (job->kind) {
      case SELECT:
        if (job->b > MOST_INTERVALS) fail("too many intervals");
        job->output_bytes = job->a * sizeof(struct selected);
        job->items = (double)job->a;
        break;
      case JOINT:
        if (job->a > MOST_COLUMNS) fail("too many paths");
        job->output_bytes = (5 + job->a) * sizeof(double);
        job->items = (double)job->b;
        break;
      default:
        job->output_bytes = job->a * sizeof(struct measured);
        job->items = (double)job->a;
    }
    job->output = room(job->output_bytes * job->blocks);
  }
  fclose(file);
}

static void write_results(const char *path) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) fail("cannot write the results");
  for (size_t k = 0; k < job_count; k++) {
    if (jobs[k].kind == JOINT) start_joint(jobs[k].a);
    run(&jobs[k], jobs[k].blocks);
    if (jobs[k].kind == JOINT) joint_state((void *)jobs[k].output, jobs[k].a);
    fwrite(jobs[k].output, 1, jobs[k].output_bytes * jobs[k].blocks, file);
  }
  if (fclose(file) != 0) fail("cannot write the results");
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage: bench JOBS RESULTS");
  read_jobs(argv[1]);
  write_results(argv[2]);
  char line[256];
  int warm = 0;
  for (size_t turn = 0; fgets(line, sizeof line, stdin) != NULL; turn++) {
    double ns[MOST_JOBS];
    for (size_t k = 0; !warm && k < job_count; k++) calibrate(&jobs[k]);
    warm = 1;
    /* every other round backwards, as bench/measure.ts does */
    for (size_t k = 0; k < job_count; k++) {
      const size_t at = turn % 2 ? job_count - 1 - k : k;
      ns[at] = measure(&jobs[at]);
    }
    printf("{\"ns\":[");
    for (size_t k = 0; k < job_count; k++) printf("%s%.4f", k > 0 ? "," : "", ns[k]);
    printf("]}\n");
    fflush(stdout);
  }
  return 0;
}
