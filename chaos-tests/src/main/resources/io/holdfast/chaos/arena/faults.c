/*
 * A disk that forgets, and a clock that lies, for one process: loaded before libc (LD_PRELOAD), it sees each write and sync
 * of files below one directory.
 *
 *   FAULTS_DIR      directory below which files are watched, without links in its path
 *   FAULTS_JOURNAL  directory for the journal, on the same file system and not below the other
 *   FAULTS_CONTROL  file of 8 numbers of 8 bytes, which the harness changes while the process runs:
 *                            0: nanoseconds to add to the time of day   1: microseconds that each sync takes longer
 *                            2: errno with which each sync fails         3: syncs that failed so far (written here)
 *                            4: bytes after which writes fail with ENOSPC, 0 for never (counted down here)
 *
 * The journal says how to undo each write since the file was last synced, so that after a kill the harness can put the
 * files back to what a machine without power would have. Its position is the time in it: a sync makes durable what was
 * written to the same file before the position at which it began. Creating, renaming and deleting files becomes durable
 * with the next sync of anything, as on a journaling file system such as ext4. After a sync that failed, later ones do not
 * make durable what it should have, unless that is written once more: Linux takes its pages for written then. Records, all
 * numbers of 8 bytes:
 *
 *   type, inode, offset, old size, length, extra length, then `length` bytes, then `extra length` bytes
 *   1 write     old bytes from `offset` on that it overwrites; what lay behind `old size` did not exist; extra: a number,
 *               of bytes written, or -1 for all that follow
 *   2 sync      offset: position of the journal when it began; inode of the file, or of a directory
 *   3 create    bytes: path
 *   4 rename    bytes: old path; extra: new path; inode 1 if there was a file at the new path, which is saved as `offset`
 *   5 delete    bytes: path; the file is saved as `offset`
 *   6 failed    as sync, but it failed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })
#define FDS 65536

static int64_t still[8];
static volatile int64_t *control = still;
static char dir[PATH_MAX], journal_dir[PATH_MAX];
static size_t dir_length;
static int journal = -1;
static int64_t saved;
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static unsigned char known[FDS]; /* 0: not looked at, 1: watched, 2: not, 3: watched and synced by each write */

__attribute__((constructor)) static void begin(void) {
  const char *d = getenv("FAULTS_DIR"), *j = getenv("FAULTS_JOURNAL"), *c = getenv("FAULTS_CONTROL");
  if (c) {
    int fd = REAL(open)(c, O_RDWR | O_CLOEXEC);
    void *page = fd < 0 ? MAP_FAILED : mmap(0, sizeof still, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) { perror("FAULTS_CONTROL"); abort(); }
    control = page;
    REAL(close)(fd);
  }
  if (d && j) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/journal", j);
    journal = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) { perror("FAULTS_JOURNAL"); abort(); }
    snprintf(journal_dir, sizeof journal_dir, "%s", j);
    snprintf(dir, sizeof dir, "%s", d);
    dir_length = strlen(dir);
    saved = time(0) * 1000000LL;
  }
}

static int below(const char *path) {
  return dir_length && path && !strncmp(path, dir, dir_length) && (path[dir_length] == '/' || !path[dir_length]);
}

static int watched(int fd) {
  if (fd < 0 || fd >= FDS || journal < 0) return 0;
  if (!known[fd]) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    known[fd] = !below(path) ? 2 : fcntl(fd, F_GETFL) & O_DSYNC ? 3 : 1;
  }
  return known[fd] == 1;
}

static void note(int64_t type, int64_t inode, int64_t offset, int64_t size, const void *bytes, int64_t length, const void *extra, int64_t extra_length) {
  int64_t head[6] = {type, inode, offset, size, length, extra_length};
  struct iovec parts[3] = {{head, sizeof head}, {(void *)bytes, length}, {(void *)extra, extra_length}};
  if (REAL(writev)(journal, parts, 3) != (ssize_t)(sizeof head + length + extra_length)) { perror("journal of faults"); abort(); }
}

/* A write of n bytes is about to happen; with the lock held. */
static void note_write(int fd, off_t offset, size_t n) {
  struct stat s;
  if (fstat(fd, &s) || !S_ISREG(s.st_mode)) return;
  if (offset == -1) offset = fcntl(fd, F_GETFL) & O_APPEND ? s.st_size : lseek(fd, 0, SEEK_CUR);
  int64_t old = offset >= s.st_size ? 0 : s.st_size - offset;
  if (old > (int64_t)n) old = n;
  char *bytes = old ? malloc(old) : 0;
  if (old) {
    /* A descriptor may be open for writing only. */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reader = REAL(open)(link, O_RDONLY | O_CLOEXEC);
    ssize_t got = reader < 0 ? -1 : pread(reader, bytes, old, offset);
    if (reader >= 0) REAL(close)(reader);
    if (got != old) { perror("old bytes for the journal of faults"); abort(); }
  }
  int64_t written = n == SSIZE_MAX || n == 0 ? -1 : (int64_t)n;
  note(1, s.st_ino, offset, s.st_size, bytes, old, &written, sizeof written);
  free(bytes);
}

static int full(size_t n) {
  if (!control[4]) return 0;
  int64_t left = control[4] - (int64_t)n;
  if (left <= 1) { control[4] = 1; errno = ENOSPC; return 1; }
  control[4] = left;
  return 0;
}

#define WRITE(result, name, fd, offset, n, params, args) \
  result name params { \
    if (!watched(fd)) return REAL(name) args; \
    if (full(n)) return -1; \
    pthread_mutex_lock(&lock); \
    note_write(fd, offset, n); \
    result r = REAL(name) args; \
    int e = errno; \
    pthread_mutex_unlock(&lock); \
    errno = e; \
    return r; \
  }

static size_t total(const struct iovec *v, int count) { size_t n = 0; for (int i = 0; i < count; i++) n += v[i].iov_len; return n; }

WRITE(ssize_t, write, fd, -1, n, (int fd, const void *b, size_t n), (fd, b, n))
WRITE(ssize_t, pwrite, fd, o, n, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
WRITE(ssize_t, pwrite64, fd, o, n, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
WRITE(ssize_t, writev, fd, -1, total(v, c), (int fd, const struct iovec *v, int c), (fd, v, c))
WRITE(ssize_t, pwritev, fd, o, total(v, c), (int fd, const struct iovec *v, int c, off_t o), (fd, v, c, o))
WRITE(ssize_t, pwritev64, fd, o, total(v, c), (int fd, const struct iovec *v, int c, off64_t o), (fd, v, c, o))
WRITE(ssize_t, sendfile, fd, -1, n, (int fd, int from, off_t *o, size_t n), (fd, from, o, n))
WRITE(ssize_t, sendfile64, fd, -1, n, (int fd, int from, off64_t *o, size_t n), (fd, from, o, n))
WRITE(ssize_t, copy_file_range, fd, to ? *to : -1, n, (int from, off64_t *o, int fd, off64_t *to, size_t n, unsigned flags), (from, o, fd, to, n, flags))
/* Cutting and growing lose or add bytes from the new size on, which is what a write of everything behind it would. */
WRITE(int, ftruncate, fd, n, SSIZE_MAX, (int fd, off_t n), (fd, n))
WRITE(int, ftruncate64, fd, n, SSIZE_MAX, (int fd, off64_t n), (fd, n))
WRITE(int, fallocate, fd, o + n, 0, (int fd, int mode, off_t o, off_t n), (fd, mode, o, n))
WRITE(int, fallocate64, fd, o + n, 0, (int fd, int mode, off64_t o, off64_t n), (fd, mode, o, n))
WRITE(int, posix_fallocate, fd, o + n, 0, (int fd, off_t o, off_t n), (fd, o, n))
WRITE(int, posix_fallocate64, fd, o + n, 0, (int fd, off64_t o, off64_t n), (fd, o, n))

static void nap(int64_t us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  while (us > 0 && nanosleep(&t, &t) && errno == EINTR);
}

#define SYNC(name) \
  int name(int fd) { \
    if (!watched(fd)) return REAL(name)(fd); \
    nap(control[1]); \
    pthread_mutex_lock(&lock); \
    int64_t began = lseek(journal, 0, SEEK_END); \
    pthread_mutex_unlock(&lock); \
    int e = control[2]; \
    int r = e ? -1 : REAL(name)(fd); \
    struct stat s; \
    if ((!r || e) && !fstat(fd, &s)) { pthread_mutex_lock(&lock); note(e ? 6 : 2, s.st_ino, began, 0, 0, 0, 0, 0); pthread_mutex_unlock(&lock); } \
    if (e) { __sync_fetch_and_add(&control[3], 1); errno = e; } \
    return r; \
  }
SYNC(fsync)
SYNC(fdatasync)

static void forget(int fd) { if (fd >= 0 && fd < FDS) known[fd] = 0; }
int close(int fd) { forget(fd); return REAL(close)(fd); }
int dup2(int a, int b) { forget(b); return REAL(dup2)(a, b); }
int dup3(int a, int b, int f) { forget(b); return REAL(dup3)(a, b, f); }

#define OPEN(name, head, call) \
  int name(head const char *path, int flags, ...) { \
    va_list more; va_start(more, flags); mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0; va_end(more); \
    if (journal < 0 || !below(path) || !(flags & (O_CREAT | O_TRUNC))) { int fd = REAL(name) call; forget(fd); return fd; } \
    pthread_mutex_lock(&lock); \
    int is_new = flags & O_CREAT && access(path, F_OK); \
    if (!is_new && flags & O_TRUNC) { \
      int before = REAL(open)(path, O_RDONLY | O_CLOEXEC); \
      if (before >= 0) { note_write(before, 0, SSIZE_MAX); REAL(close)(before); } \
    } \
    int fd = REAL(name) call; \
    int e = errno; \
    if (fd >= 0 && is_new) note(3, 0, 0, 0, path, strlen(path), 0, 0); \
    pthread_mutex_unlock(&lock); \
    forget(fd); \
    errno = e; \
    return fd; \
  }
#define NONE
#define COMMA ,
OPEN(open, NONE, (path, flags, mode))
OPEN(open64, NONE, (path, flags, mode))
OPEN(openat, int at COMMA, (at, path, flags, mode))
OPEN(openat64, int at COMMA, (at, path, flags, mode))

/* Keeps a file that is about to go, under a number; 0 if there is none. */
static int64_t keep(const char *path) {
  struct stat s;
  if (lstat(path, &s) || !S_ISREG(s.st_mode)) return 0;
  char copy[PATH_MAX + 32];
  snprintf(copy, sizeof copy, "%s/saved-%lld", journal_dir, (long long)++saved);
  return link(path, copy) ? 0 : saved;
}

#define RENAME(name, params, args) \
  int name params { \
    if (journal < 0 || !below(from)) return REAL(name) args; \
    pthread_mutex_lock(&lock); \
    int64_t kept = keep(to); \
    int r = REAL(name) args; \
    int e = errno; \
    if (!r) note(4, kept != 0, kept, 0, from, strlen(from), to, strlen(to)); \
    pthread_mutex_unlock(&lock); \
    errno = e; \
    return r; \
  }
RENAME(rename, (const char *from, const char *to), (from, to))
RENAME(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
RENAME(renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))

#define UNLINK(name, params, args) \
  int name params { \
    if (journal < 0 || !below(path)) return REAL(name) args; \
    pthread_mutex_lock(&lock); \
    int64_t kept = keep(path); \
    int r = REAL(name) args; \
    int e = errno; \
    if (!r && kept) note(5, 0, kept, 0, path, strlen(path), 0, 0); \
    pthread_mutex_unlock(&lock); \
    errno = e; \
    return r; \
  }
UNLINK(unlink, (const char *path), (path))
UNLINK(unlinkat, (int at, const char *path, int flags), (at, path, flags))
UNLINK(remove, (const char *path), (path))

int clock_gettime(clockid_t clock, struct timespec *t) {
  int r = REAL(clock_gettime)(clock, t);
  if (!r && control[0] && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t n = t->tv_sec * 1000000000LL + t->tv_nsec + control[0];
    t->tv_sec = n / 1000000000;
    t->tv_nsec = n % 1000000000;
  }
  return r;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  struct timespec now;
  (void)zone;
  int r = clock_gettime(CLOCK_REALTIME, &now);
  if (!r) { t->tv_sec = now.tv_sec; t->tv_usec = now.tv_nsec / 1000; }
  return r;
}
time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}
