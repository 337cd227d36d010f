/* SPDX-License-Identifier: Apache-2.0 */

/* Whether a file of an app's folder is for visitors: by its name alone, see
 * private_names.def. A pure function. */
#ifndef PSG_PRIVATE_FILE_H
#define PSG_PRIVATE_FILE_H

typedef enum {
    PSG_FILE_PUBLIC = 0,
    PSG_FILE_SCRIPT, /* private in a Node.js app */
    PSG_FILE_PRIVATE
} psg_file_privacy_e;

/* path: relative to the app's folder. */
psg_file_privacy_e psg_file_privacy(const char *path);

#endif
