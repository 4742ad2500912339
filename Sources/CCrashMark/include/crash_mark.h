#pragma once

/// From now on a fault that ends the process (SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE) writes its signal's
/// number as one byte to `descriptor` first, which stays open. The process then ends as it would have.
void crash_mark_arm(int descriptor);
