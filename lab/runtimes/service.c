// Two workers want one inventory; with the argument "crash" it writes to a null pointer and leaves a core file instead.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static pthread_mutex_t inventory = PTHREAD_MUTEX_INITIALIZER;

static void *reserve_inventory(void *unused) {
  pthread_mutex_lock(&inventory);
  for (;;) sleep(1000);
  return unused;
}

static void crash(volatile int *stock) {
  struct rlimit limit;
  getrlimit(RLIMIT_CORE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_CORE, &limit);
  *stock = 1;
}

int main(int count, char **arguments) {
  pthread_t workers[2];
  if (count > 1 && strcmp(arguments[1], "crash") == 0) crash(NULL);
  for (int i = 0; i < 2; i++) pthread_create(&workers[i], NULL, reserve_inventory, NULL);
  puts("service: ready");
  fflush(stdout);
  pthread_join(workers[0], NULL);
}
