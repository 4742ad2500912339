#include "crash_mark.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile int mark = -1;

// signal-safety(7): write() and raise() are async-signal-safe.
static void on_fault(int signal) {
    unsigned char number = (unsigned char)signal;
    int descriptor = mark;
    if (descriptor >= 0) (void)!write(descriptor, &number, 1);
    // SA_RESETHAND: this one, delivered when the handler returns, ends the process as if there had been no handler.
    raise(signal);
}

void crash_mark_arm(int descriptor) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE};
    mark = descriptor;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fault;
    action.sa_flags = SA_RESETHAND;
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) sigaction(faults[i], &action, NULL);
}
