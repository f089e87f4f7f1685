/*
 * Stands in the place of Python in a root for Arm, and runs it under qemu, so that it can start
 * itself again as the agent's children are started, with no word to the kernel of the machine.
 */
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **given)
{
	char *first[] = { "qemu", "-cpu", "cortex-a72", "-0", PYTHON, PYTHON ".arm" };
	enum { FIRST = sizeof first / sizeof *first };
	char **all = calloc(FIRST + count, sizeof *all);
	if (!all)
		return 127;
	for (int at = 0; at < FIRST; at++)
		all[at] = first[at];
	for (int at = 1; at < count; at++)
		all[FIRST + at - 1] = given[at];
	execv("/opt/qemu", all);
	return 127;
}
