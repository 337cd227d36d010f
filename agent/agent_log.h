/* SPDX-License-Identifier: Apache-2.0 */

/* The agent's log: fd 2, one write() a line, so that lines of several
 * processes do not mix. Used by all roles; a process has one thread.
 *   [YYYY-MM-DD HH:MM:SS.mmm] [passenger:LEVEL] [pid N] text */
#ifndef AGENT_LOG_H
#define AGENT_LOG_H

#include <stddef.h>

#include "log.h"

/* Makes this log the sink of common/. */
void agent_log_init(void);

/* PassengerLogLevel, 0 to 7; notice (3) before it is set. */
void agent_log_set_level(int level);

void agent_log(psg_log_level_e level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For what an app said: pid and tag (the app's name) are the app's, the text
 * is hostile. Always logged, whatever the level. */
void agent_log_output(int pid, const char *tag, const char *text);

/* PassengerDisableLogPrefix: nothing is put in front of that. */
void agent_log_set_bare_output(int on);

/* The text as one log line would show it: control characters and what is not
 * UTF-8 as \xHH, a line end as \n. Writes at most size bytes, the NUL included;
 * returns how many bytes of text are in it. */
size_t agent_log_escape(char *line, size_t size, const char *text);

#endif
