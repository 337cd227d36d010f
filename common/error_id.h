/* SPDX-License-Identifier: Apache-2.0 */

/* What ties the page that a visitor sees to the line of the log with the reason. */
#ifndef PSG_ERROR_ID_H
#define PSG_ERROR_ID_H

enum {
    PSG_ERROR_ID_SIZE = 16, /* bytes, the terminating one included */
};

/* Writes a new one: eight hex digits, enough to find one failure in one log. Any
 * thread may. */
void psg_error_id_make(char id[PSG_ERROR_ID_SIZE]);

#endif
