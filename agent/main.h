/* SPDX-License-Identifier: Apache-2.0 */

/* The roles of the agent: one program, one main function for each role.
 * argv[0] is the role's name; what is returned is the exit status. */
#ifndef MAIN_H
#define MAIN_H

int watchdog_main(int argc, char **argv);
int core_main(int argc, char **argv);
int tenant_watcher_main(int argc, char **argv);

/* The commands for people. */
int restart_app_main(int argc, char **argv);
int detach_process_main(int argc, char **argv);
int status_main(int argc, char **argv);
int list_instances_main(int argc, char **argv);

#endif
