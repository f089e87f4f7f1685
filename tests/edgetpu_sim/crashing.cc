// A library that kills whoever loads it, as a libedgetpu of the wrong architecture level can.
#include <signal.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded() { kill(getpid(), SIGSEGV); for (;;) pause(); }
