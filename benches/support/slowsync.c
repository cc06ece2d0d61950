/* Makes every fsync and fdatasync take a fixed time, read from SYNC_MICROS, and touch no disk.
 * The benchmarks preload it and keep their files in memory, so that a noisy disk does not decide the figure. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

static void hold(void) {
  static long micros = -1;
  if (micros < 0) {
    const char *text = getenv("SYNC_MICROS");
    micros = text ? strtol(text, NULL, 10) : 0;
  }
  if (micros > 0) {
    struct timespec wait = {micros / 1000000, (micros % 1000000) * 1000};
    nanosleep(&wait, NULL);
  }
}

int fsync(int file) { (void)file; hold(); return 0; }
int fdatasync(int file) { (void)file; hold(); return 0; }
