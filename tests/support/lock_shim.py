"""A library that, loaded before the system's own, makes locks behave as on odd file systems; needs Linux and `cc`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static int shadows[4096];

/* LOCK_ERRNO=N: every lock is refused. LOCK_FOLDER=DIR: each machine has locks of its own, in DIR/<FAKE_HOST>-<inode>,
   as where the file server is not asked. Neither: every lock is granted. */
int flock(int fd, int operation) {
    const char *code = getenv("LOCK_ERRNO"), *folder = getenv("LOCK_FOLDER"), *host = getenv("FAKE_HOST");
    if (code) { errno = atoi(code); return -1; }
    if (!folder) return 0;
    static int (*real)(int, int);
    if (!real) real = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    if (!shadows[fd]) {
        struct stat found;
        char path[4096];
        fstat(fd, &found);
        snprintf(path, sizeof path, "%s/%s-%lu", folder, host, (unsigned long)found.st_ino);
        shadows[fd] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    return real(shadows[fd], operation);
}

int close(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd < 4096 && shadows[fd]) { real(shadows[fd]); shadows[fd] = 0; }
    return real(fd);
}

int gethostname(char *name, size_t size) {
    const char *host = getenv("FAKE_HOST");
    struct utsname system;
    uname(&system);
    strncpy(name, host ? host : system.nodename, size);
    return 0;
}
"""


def build_lock_shim(folder: Path) -> Path:
    """Compile the library into a folder; skips the test where that cannot be done."""
    if sys.platform != "linux" or not shutil.which("cc"):
        pytest.skip("needs Linux and a C compiler, cc")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True)
    return folder / "shim.so"
