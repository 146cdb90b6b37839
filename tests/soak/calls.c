/* Counts the calls that change files below a folder; the n-th fails with an error, or kills the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long left = 0;
static int code = 0;
static char below[4096];

void arm(long nth, int error, const char *folder) {
    strncpy(below, folder, sizeof below - 1);
    code = error;
    left = nth;
}

/* 1 where this call is the one that fails. */
static int fails(const char *path, int descriptor) {
    char name[4096], link[64];
    if (left <= 0) return 0;
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        ssize_t size = readlink(link, name, sizeof name - 1);
        if (size < 0) return 0;
        name[size] = 0;
        path = name;
    } else if (path[0] != '/') {
        char here[2048];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(name, sizeof name, "%s/%s", here, path);
        path = name;
    }
    if (strncmp(path, below, strlen(below))) return 0;
    if (--left) return 0;
    if (!code) kill(getpid(), SIGKILL);
    dprintf(2, "SHIM\n");
    errno = code;
    return 1;
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int opened(const char *path, int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails(path, -1); }

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opened(path, flags) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return opened(path, flags) ? -1 : real(path, flags, mode);
}

ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(write);
    if (descriptor > 2 && fails(NULL, descriptor)) {
        if (size > 1) real(descriptor, data, size / 2); /* a torn write */
        return -1;
    }
    return real(descriptor, data, size);
}

int fsync(int descriptor) {
    REAL(fsync);
    return fails(NULL, descriptor) ? -1 : real(descriptor);
}

int syncfs(int descriptor) {
    REAL(syncfs);
    return fails(NULL, descriptor) ? -1 : real(descriptor);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return fails(to, -1) ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return fails(path, -1) ? -1 : real(path, mode);
}

int unlink(const char *path) {
    REAL(unlink);
    return fails(path, -1) ? -1 : real(path);
}
