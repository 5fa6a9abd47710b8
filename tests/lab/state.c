/* Lets User-Mode Linux run on processors with more state than it knows.
 *
 * Loaded into the kernel of a guest (LD_PRELOAD). That kernel saves the registers of its processes in a buffer of a fixed size. The host gives
 * as much of them as fits, but takes them back only as a whole (PTRACE_SETREGSET, NT_X86_XSTATE: EFAULT otherwise): no process of a guest could
 * run where a processor has, say, AMX. What the guest does not know of stays as it is.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Where the bits lie that say which parts are in use (XSTATE_BV), and those of the parts that the guest knows. */
#define USED_AT 512
#define KNOWN 0x2ffUL

static char whole[64 * 1024] __attribute__((aligned(64)));

static long take_back(pid_t process, const struct iovec *part)
{
    struct iovec all = { whole, sizeof whole };
    unsigned long used;

    if (syscall(SYS_ptrace, PTRACE_GETREGSET, process, NT_X86_XSTATE, &all) < 0)
        return -1;
    memcpy(whole, part->iov_base, part->iov_len < all.iov_len ? part->iov_len : all.iov_len);
    memcpy(&used, whole + USED_AT, sizeof used);
    used &= KNOWN;
    memcpy(whole + USED_AT, &used, sizeof used);
    return syscall(SYS_ptrace, PTRACE_SETREGSET, process, NT_X86_XSTATE, &all);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list rest;
    va_start(rest, request);
    pid_t process = va_arg(rest, pid_t);
    void *address = va_arg(rest, void *);
    void *data = va_arg(rest, void *);
    va_end(rest);

    if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
        /* The system call puts the word where the last argument points to. */
        long word = 0;
        if (syscall(SYS_ptrace, request, process, address, &word) < 0)
            return -1;
        errno = 0;
        return word;
    }
    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE)
        return take_back(process, data);
    return syscall(SYS_ptrace, request, process, address, data);
}
