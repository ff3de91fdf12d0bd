/*
 * Shows that membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) passes by a CPU which runs a thread of a
 * registered process, once another thread of that process has exited there.
 *
 *   gcc -O2 -pthread membarrier-exit.c -o membarrier-exit && ./membarrier-exit
 *
 * A "device" spins on CPU 1 and counts. CPU 0 issues barriers. A barrier that interrupts CPU 1 takes
 * some 2 microseconds on the machine of docs/performance.md, one that does not 0.25: where the device
 * counted before, during and after a barrier of less than 0.6, it ran and was not reached. The
 * process-private barrier, which does not look at rq->membarrier_state, is the control.
 *
 * Needs two CPUs. Depends on what else runs: the kernel repairs its state when another process gets
 * CPU 1. Hence five tries, and hence the time limit of each measurement.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { GLOBAL_EXPEDITED = 2, PRIVATE_EXPEDITED = 8 }; /* registered by twice the number */
enum { TRIES = 5, MEASURE_NS = 20 * 1000 * 1000, WITHOUT_IPI_NS = 600, MOVED = 20 };

static volatile int running;
static volatile long count;

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *device(void *unused) {
  pin(1);
  running = 1;
  for (;;) count++;
  return unused;
}

static void *passer_by(void *unused) {
  pin(1);
  return unused;
}

static long counted_after_a_while(void) {
  for (volatile int i = 0; i < 300; i++) continue;
  return count;
}

static void measure(const char *when, int command) {
  long reached = 0, passed_by = 0, end = now() + MEASURE_NS;
  while (now() < end) {
    long c1 = count, c2 = counted_after_a_while();
    long begun = now();
    syscall(SYS_membarrier, command, 0, 0);
    long ns = now() - begun;
    long c3 = count, c4 = counted_after_a_while();
    if (c2 - c1 > MOVED && c3 - c2 > MOVED && c4 - c3 > MOVED)
      *(ns < WITHOUT_IPI_NS ? &passed_by : &reached) += 1;
  }
  printf("  %-22s reached %6ld, passed by %6ld\n", when, reached, passed_by);
}

int main(void) {
  pthread_t thread;
  pin(0);
  pthread_create(&thread, NULL, device, NULL);
  while (!running) continue;
  int commands[] = {GLOBAL_EXPEDITED, PRIVATE_EXPEDITED};
  for (int i = 0; i < 2; i++) {
    int command = commands[i];
    if (syscall(SYS_membarrier, 2 * command, 0, 0) != 0) return perror("membarrier"), 2;
    printf("%s\n", command == GLOBAL_EXPEDITED ? "GLOBAL_EXPEDITED" : "PRIVATE_EXPEDITED");
    for (int try = 0; try < TRIES; try++) {
      measure("before:", command);
      pthread_create(&thread, NULL, passer_by, NULL);
      pthread_join(thread, NULL);
      measure("after a thread's exit:", command);
    }
  }
  fflush(stdout);
  _exit(0);
}
