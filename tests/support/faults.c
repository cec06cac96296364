// SPDX-License-Identifier: Apache-2.0
// Makes the N-th call that changes files fail, or ends the process there as a power cut would. Linked into a
// test and armed by plimsoll_faults_arm(), or preloaded into any program: PLIMSOLL_FAULT_AT=N,
// PLIMSOLL_FAULT_MODE=kill|enospc|eio|eio-from (the last: this call and all after it).
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum mode { mode_off, mode_kill, mode_enospc, mode_eio, mode_eio_from };

static enum mode armed = mode_off;
static long fault_at = 0;
static long calls = 0;

void plimsoll_faults_arm(long at, int mode);
long plimsoll_faults_count(void);

void plimsoll_faults_arm(long at, int mode) {
    fault_at = at;
    calls = 0;
    armed = (enum mode)mode;
}

long plimsoll_faults_count(void) {
    return calls;
}

__attribute__((constructor)) static void arm_from_environment(void) {
    static const char* const names[] = {"off", "kill", "enospc", "eio", "eio-from"};
    const char* at = getenv("PLIMSOLL_FAULT_AT");
    const char* mode = getenv("PLIMSOLL_FAULT_MODE");
    for (int i = 0; at != NULL && mode != NULL && i <= mode_eio_from; ++i)
        if (strcmp(mode, names[i]) == 0)
            plimsoll_faults_arm(strtol(at, NULL, 10), i);
}

// Whether this call is to fail; errno is set then.
static int fails(void) {
    if (armed == mode_off)
        return 0;
    ++calls;
    if (calls < fault_at || (calls > fault_at && armed != mode_eio_from))
        return 0;
    if (armed == mode_kill)
        kill(getpid(), SIGKILL);
    errno = armed == mode_enospc ? ENOSPC : EIO;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int creates(int flags) {
    return (flags & O_CREAT) != 0;
}

static mode_t mode_of(int flags, va_list list) {
    return creates(flags) ? va_arg(list, mode_t) : 0;
}

#define OPEN(name)                                \
    int name(const char* path, int flags, ...) {  \
        va_list list;                             \
        va_start(list, flags);                    \
        const mode_t mode = mode_of(flags, list); \
        va_end(list);                             \
        if (creates(flags) && fails())            \
            return -1;                            \
        return REAL(name)(path, flags, mode);     \
    }

#define OPENAT(name)                                      \
    int name(int dir, const char* path, int flags, ...) { \
        va_list list;                                     \
        va_start(list, flags);                            \
        const mode_t mode = mode_of(flags, list);         \
        va_end(list);                                     \
        if (creates(flags) && fails())                    \
            return -1;                                    \
        return REAL(name)(dir, path, flags, mode);        \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

// A full disk takes a part first.
ssize_t write(int fd, const void* data, size_t size) {
    if (fd > 2 && fails()) {
        const int error = errno;
        (void)!REAL(write)(fd, data, size / 2);
        errno = error;
        return -1;
    }
    return REAL(write)(fd, data, size);
}

#define WRAP(name, parameters, arguments) \
    int name parameters {                 \
        if (fails())                      \
            return -1;                    \
        return REAL(name) arguments;      \
    }

int fsetxattr(int fd, const char* name, const void* value, size_t size, int flags);
int lsetxattr(const char* path, const char* name, const void* value, size_t size, int flags);
int fremovexattr(int fd, const char* name);
int lremovexattr(const char* path, const char* name);
int renameat2(int a, const char* from, int b, const char* to, unsigned flags);

WRAP(fsync, (int fd), (fd))
WRAP(fdatasync, (int fd), (fd))
WRAP(ftruncate, (int fd, off_t size), (fd, size))
WRAP(renameat, (int a, const char* from, int b, const char* to), (a, from, b, to))
WRAP(renameat2, (int a, const char* from, int b, const char* to, unsigned flags), (a, from, b, to, flags))
WRAP(unlinkat, (int dir, const char* path, int flags), (dir, path, flags))
WRAP(linkat, (int a, const char* from, int b, const char* to, int flags), (a, from, b, to, flags))
WRAP(symlinkat, (const char* target, int dir, const char* path), (target, dir, path))
WRAP(mkdirat, (int dir, const char* path, mode_t mode), (dir, path, mode))
WRAP(fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(fchmodat, (int dir, const char* path, mode_t mode, int flags), (dir, path, mode, flags))
WRAP(fchown, (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(fchownat, (int dir, const char* path, uid_t uid, gid_t gid, int flags), (dir, path, uid, gid, flags))
WRAP(fsetxattr, (int fd, const char* name, const void* value, size_t size, int flags),
     (fd, name, value, size, flags))
WRAP(lsetxattr, (const char* path, const char* name, const void* value, size_t size, int flags),
     (path, name, value, size, flags))
WRAP(fremovexattr, (int fd, const char* name), (fd, name))
WRAP(lremovexattr, (const char* path, const char* name), (path, name))
